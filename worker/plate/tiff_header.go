package plate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Limits that a file is held to before anything is allocated for it.
const (
	maxEdge   = 1 << 16 // pixels along one side
	maxPixels = 1 << 28 // pixels of one image: 1 GiB as float32
	maxRatio  = 1500    // no codec read here expands more than this (Deflate 1032, LZW 1365)
	maxTags   = 4096    // entries in an image file directory
)

// UnreadableError says which file could not be read as an image, and why.
type UnreadableError struct {
	Path string
	Err  error
}

func (e *UnreadableError) Error() string { return fmt.Sprintf("read image %s: %v", e.Path, e.Err) }
func (e *UnreadableError) Unwrap() error { return e.Err }

// errTruncated is what a file gets that ends before its pixels do.
var errTruncated = errors.New("the file is truncated")

// Header is what a TIFF says about its first image without its pixels.
type Header struct {
	Width       int             `json:"width"`                   // pixels
	Height      int             `json:"height"`                  // pixels
	Type        enums.PixelType `json:"type"`                    // what [Read] would give
	Compression string          `json:"compression"`             // "none", "lzw", "deflate", "packbits"
	Tiled       bool            `json:"tiled"`                   // tiles instead of strips
	Pages       bool            `json:"pages"`                   // more images follow; they are not read
	PixelSize   float64         `json:"pixel_size_um,omitempty"` // µm, from a MetaSeries description; 0 unknown
}

// ReadHeader reads the header of a TIFF without decoding pixels: a few small
// reads. Its error is an [*UnreadableError].
func ReadHeader(path string) (Header, error) {
	f, t, err := openTIFF(path)
	if err != nil {
		return Header{}, &UnreadableError{path, err}
	}
	defer f.Close()
	t.PixelSize = metaSeriesPixelSize(t.description())
	return t.Header, nil
}

// TIFF tags and values, TIFF 6.0 (Adobe, 1992), and the two Deflate codes in use.
const (
	tagWidth           = 256
	tagHeight          = 257
	tagBits            = 258
	tagCompression     = 259
	tagPhotometric     = 262
	tagFillOrder       = 266
	tagDescription     = 270
	tagStripOffsets    = 273
	tagSamples         = 277
	tagRowsPerStrip    = 278
	tagStripByteCounts = 279
	tagPredictor       = 317
	tagTileWidth       = 322
	tagSampleFormat    = 339

	compressionNone       = 1
	compressionLZW        = 5
	compressionDeflate    = 8
	compressionPackBits   = 32773
	compressionDeflateOld = 32946

	whiteIsZero = 0
	blackIsZero = 1
	rgb         = 2
	palette     = 3

	unsignedSamples = 1
	floatSamples    = 3
)

// tiffFile is a checked header and where to find the rest.
type tiffFile struct {
	Header
	source       io.ReaderAt
	size         int64
	order        binary.ByteOrder
	tags         map[uint16][12]byte
	bits         int // per sample
	samples      int // per pixel
	compression  int
	photometric  int
	predictor    int
	rowsPerStrip int
}

// openTIFF opens a file and checks its header. What is not a regular file is
// refused before it is opened: opening a pipe waits for its writer.
func openTIFF(path string) (*os.File, *tiffFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, withoutPath(err)
	}
	t, err := parseTIFF(f, info.Size())
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, t, nil
}

// parseTIFF reads the first image file directory. It allocates at most a few
// hundred KiB whatever the bytes say.
func parseTIFF(source io.ReaderAt, size int64) (*tiffFile, error) {
	t := &tiffFile{source: source, size: size, tags: make(map[uint16][12]byte)}
	if size == 0 {
		return nil, errors.New("the file is empty")
	}
	var head [8]byte
	if err := t.readAt(head[:], 0); err != nil {
		return nil, err
	}
	switch string(head[:4]) {
	case "II*\x00":
		t.order = binary.LittleEndian
	case "MM\x00*":
		t.order = binary.BigEndian
	case "II+\x00", "MM\x00+":
		return nil, errors.New("BigTIFF is not read: save it as a plain TIFF")
	default:
		return nil, errors.New("not a TIFF file")
	}
	if err := t.readDirectory(int64(t.order.Uint32(head[4:]))); err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *tiffFile) readDirectory(at int64) error {
	var count [2]byte
	if err := t.readAt(count[:], at); err != nil {
		return err
	}
	n := int(t.order.Uint16(count[:]))
	if n == 0 || n > maxTags {
		return fmt.Errorf("its directory has %d entries", n)
	}
	entries := make([]byte, 12*n)
	if err := t.readAt(entries, at+2); err != nil {
		return err
	}
	for ; len(entries) > 0; entries = entries[12:] {
		t.tags[t.order.Uint16(entries)] = [12]byte(entries)
	}
	var next [4]byte
	// Some writers end the file without the link; that is no second page.
	if t.readAt(next[:], at+2+int64(12*n)) == nil {
		t.Pages = t.order.Uint32(next[:]) != 0
	}
	return nil
}

// check turns the tags into a header and refuses what cannot be, or would not
// fit, before anybody allocates for it.
func (t *tiffFile) check() error {
	width, height := t.value(tagWidth, 0), t.value(tagHeight, 0)
	if width < 1 || height < 1 || width > maxEdge || height > maxEdge || width*height > maxPixels {
		return fmt.Errorf("its header claims %d×%d pixels: from 1 to %d a side and %d altogether are allowed", width, height, maxEdge, maxPixels)
	}
	t.Width, t.Height = width, height
	t.bits = t.value(tagBits, 1)
	t.samples = t.value(tagSamples, 1)
	t.compression = t.value(tagCompression, compressionNone)
	t.photometric = t.value(tagPhotometric, blackIsZero)
	t.predictor = t.value(tagPredictor, 1)
	t.rowsPerStrip = t.value(tagRowsPerStrip, height)
	if t.rowsPerStrip < 1 || t.rowsPerStrip > height {
		t.rowsPerStrip = height
	}
	_, t.Tiled = t.tags[tagTileWidth]
	switch t.compression {
	case compressionNone, 0:
		t.compression, t.Compression = compressionNone, "none"
	case compressionLZW:
		t.Compression = "lzw"
	case compressionDeflate, compressionDeflateOld:
		t.Compression = "deflate"
	case compressionPackBits:
		t.Compression = "packbits"
	default:
		return fmt.Errorf("compression %d is not read: use none, LZW, Deflate or PackBits", t.compression)
	}
	format := t.value(tagSampleFormat, unsignedSamples)
	switch {
	case t.bits == 32 && format == floatSamples && t.samples == 1:
		t.Type = enums.Float32
	case t.bits == 16 && format == unsignedSamples:
		t.Type = enums.Uint16
	case (t.bits == 8 || t.bits == 1) && format == unsignedSamples:
		t.Type = enums.Uint8
	default:
		return fmt.Errorf("%d-bit samples of format %d are not read: use unsigned 8 or 16 bit, or 32-bit float", t.bits, format)
	}
	switch {
	case t.photometric == rgb && (t.samples == 3 || t.samples == 4) && t.bits >= 8:
	case t.samples == 1 && (t.photometric == blackIsZero || t.photometric == whiteIsZero):
	case t.samples == 1 && t.photometric == palette && t.bits == 8:
	default:
		return fmt.Errorf("%d samples of photometric kind %d are not read: use a grayscale image", t.samples, t.photometric)
	}
	need := int64(width) * int64(height) * int64(t.samples) * int64(t.bits) / 8
	if t.compression == compressionNone && need > t.size || need/maxRatio > t.size {
		return fmt.Errorf("%w: %d×%d pixels of %d bit do not fit in its %d bytes", errTruncated, width, height, t.bits, t.size)
	}
	return nil
}

// value returns the first value of a tag, or fallback when there is none or it
// is of a type no such tag has.
func (t *tiffFile) value(tag uint16, fallback int) int {
	values, err := t.values(tag, 1)
	if err != nil || len(values) == 0 {
		return fallback
	}
	return int(values[0])
}

// values returns the first most values of a BYTE, SHORT or LONG tag.
func (t *tiffFile) values(tag uint16, most int) ([]uint32, error) {
	entry, ok := t.tags[tag]
	if !ok {
		return nil, fmt.Errorf("tag %d is missing", tag)
	}
	var width int
	switch kind := t.order.Uint16(entry[2:]); kind {
	case 1:
		width = 1
	case 3:
		width = 2
	case 4:
		width = 4
	default:
		return nil, fmt.Errorf("tag %d has type %d", tag, kind)
	}
	stored := int64(t.order.Uint32(entry[4:]))
	n := int(min(stored, int64(most)))
	data := entry[8:]
	if stored*int64(width) > 4 {
		data = make([]byte, n*width)
		if err := t.readAt(data, int64(t.order.Uint32(entry[8:]))); err != nil {
			return nil, err
		}
	}
	values := make([]uint32, n)
	for i := range values {
		switch width {
		case 1:
			values[i] = uint32(data[i])
		case 2:
			values[i] = uint32(t.order.Uint16(data[2*i:]))
		case 4:
			values[i] = t.order.Uint32(data[4*i:])
		}
	}
	return values, nil
}

func (t *tiffFile) readAt(p []byte, at int64) error {
	if at < 0 || at+int64(len(p)) > t.size {
		return fmt.Errorf("%w: it has %d bytes, but its data reach to byte %d", errTruncated, t.size, at+int64(len(p)))
	}
	switch n, err := t.source.ReadAt(p, at); {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return errTruncated // while it was being read
	default:
		return withoutPath(err)
	}
}

// withoutPath drops the path an operating-system error repeats: ours names it.
func withoutPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
