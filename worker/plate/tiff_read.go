package plate

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	"golang.org/x/image/tiff"
	"golang.org/x/image/tiff/lzw"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// Read reads the first image of a TIFF file as a plane of shape (Y, X): 8 or
// 16 bit gray, palette, or 32-bit float; stripped or tiled; uncompressed, LZW,
// Deflate or PackBits. A palette's index is the value, whatever colour it is
// shown in; white-is-zero is inverted; colour is read if its channels are
// equal. Its error is an [*UnreadableError].
func Read(path string) (*imaging.Plane, error) {
	f, t, err := openTIFF(path)
	if err != nil {
		return nil, &UnreadableError{path, err}
	}
	defer f.Close()
	p, err := t.decode()
	if err != nil {
		return nil, &UnreadableError{path, err}
	}
	return p, nil
}

// decode reads the pixels. What microscopes write, strips of gray samples, is
// decoded straight into the plane, strip by strip; the rest goes through
// golang.org/x/image/tiff, which cannot read floats and needs the whole image
// twice.
func (t *tiffFile) decode() (*imaging.Plane, error) {
	if t.strips() {
		return t.decodeStrips()
	}
	img, err := tiff.Decode(io.NewSectionReader(t.source, 0, t.size))
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errTruncated
	}
	if err != nil {
		return nil, err
	}
	return fromImage(img)
}

// strips reports whether decodeStrips can read the file.
func (t *tiffFile) strips() bool {
	return !t.Tiled && t.bits >= 8 && t.samples == 1 && t.compression != compressionPackBits &&
		(t.predictor == 1 || t.predictor == 2 && t.Type != enums.Float32) && t.value(tagFillOrder, 1) == 1
}

func (t *tiffFile) decodeStrips() (*imaging.Plane, error) {
	strips := (t.Height + t.rowsPerStrip - 1) / t.rowsPerStrip
	offsets, err := t.values(tagStripOffsets, strips)
	if err != nil {
		return nil, err
	}
	counts, err := t.values(tagStripByteCounts, strips)
	if err != nil {
		return nil, err
	}
	if len(offsets) < strips || len(counts) < strips {
		return nil, fmt.Errorf("it has %d strips, but says where %d are", strips, min(len(offsets), len(counts)))
	}
	plane := imaging.NewPlane(t.Height, t.Width, t.Type)
	rowBytes := t.Width * t.bits / 8
	samples := make([]byte, t.rowsPerStrip*rowBytes)
	var d decompressor
	for i := range strips {
		y := i * t.rowsPerStrip
		rows := min(t.rowsPerStrip, t.Height-y)
		strip := samples[:rows*rowBytes]
		if err := d.read(t, strip, int64(offsets[i]), int64(counts[i])); err != nil {
			return nil, err
		}
		if t.predictor == 2 {
			for r := range rows {
				undoPredictor(strip[r*rowBytes:(r+1)*rowBytes], t.bits, t.order)
			}
		}
		convert(plane.Pix[y*t.Width:(y+rows)*t.Width], strip, t.bits, t.order)
	}
	if t.photometric == whiteIsZero && t.Type != enums.Float32 {
		top := float32(imaging.TypeMax(t.Type))
		for i, v := range plane.Pix {
			plane.Pix[i] = top - v
		}
	}
	return plane, nil
}

// decompressor keeps its buffers from strip to strip.
type decompressor struct {
	packed []byte
	source bytes.Reader
	zlib   io.ReadCloser
}

// read fills strip from count bytes at offset.
func (d *decompressor) read(t *tiffFile, strip []byte, offset, count int64) error {
	if t.compression == compressionNone {
		if count < int64(len(strip)) {
			return fmt.Errorf("%w: a strip of %d bytes has %d", errTruncated, len(strip), count)
		}
		return t.readAt(strip, offset)
	}
	if offset+count > t.size {
		return fmt.Errorf("%w: it has %d bytes, but its data reach to byte %d", errTruncated, t.size, offset+count)
	}
	if int64(cap(d.packed)) < count {
		d.packed = make([]byte, count)
	}
	d.packed = d.packed[:count]
	if err := t.readAt(d.packed, offset); err != nil {
		return err
	}
	d.source.Reset(d.packed)
	var err error
	var r io.Reader
	switch {
	case t.compression == compressionLZW:
		z := lzw.NewReader(&d.source, lzw.MSB, 8)
		defer z.Close()
		r = z
	case d.zlib == nil:
		d.zlib, err = zlib.NewReader(&d.source)
		r = d.zlib
	default:
		err = d.zlib.(zlib.Resetter).Reset(&d.source, nil)
		r = d.zlib
	}
	if err == nil {
		_, err = io.ReadFull(r, strip)
	}
	if err == nil && r == d.zlib {
		// The checksum comes when the stream ends. A strip that holds more than
		// its rows is padded, not damaged.
		var more [1]byte
		if _, end := r.Read(more[:]); errors.Is(end, zlib.ErrChecksum) {
			err = end
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: its compressed data end early", errTruncated)
	}
	if err != nil {
		return fmt.Errorf("its compressed data are damaged: %w", err)
	}
	return nil
}

// undoPredictor turns one row of differences into values (TIFF 6.0, p. 64).
func undoPredictor(row []byte, bits int, order binary.ByteOrder) {
	if bits == 8 {
		for i := 1; i < len(row); i++ {
			row[i] += row[i-1]
		}
		return
	}
	for i := 2; i+1 < len(row); i += 2 {
		order.PutUint16(row[i:], order.Uint16(row[i:])+order.Uint16(row[i-2:]))
	}
}

// convert turns samples into float32; every 8- and 16-bit value is exact.
func convert(pix []float32, samples []byte, bits int, order binary.ByteOrder) {
	switch {
	case bits == 8:
		for i := range pix {
			pix[i] = float32(samples[i])
		}
	case bits == 16 && order == binary.LittleEndian:
		for i := range pix {
			pix[i] = float32(binary.LittleEndian.Uint16(samples[2*i:]))
		}
	case bits == 16:
		for i := range pix {
			pix[i] = float32(binary.BigEndian.Uint16(samples[2*i:]))
		}
	default:
		for i := range pix {
			pix[i] = math.Float32frombits(order.Uint32(samples[4*i:]))
		}
	}
}

// fromImage converts what golang.org/x/image/tiff returns.
func fromImage(img image.Image) (*imaging.Plane, error) {
	size := img.Bounds().Size()
	switch img := img.(type) {
	case *image.Gray:
		p := imaging.NewPlane(size.Y, size.X, enums.Uint8)
		convert(p.Pix, img.Pix, 8, binary.BigEndian)
		return p, nil
	case *image.Paletted:
		p := imaging.NewPlane(size.Y, size.X, enums.Uint8)
		convert(p.Pix, img.Pix, 8, binary.BigEndian)
		return p, nil
	case *image.Gray16:
		p := imaging.NewPlane(size.Y, size.X, enums.Uint16)
		convert(p.Pix, img.Pix, 16, binary.BigEndian)
		return p, nil
	case *image.RGBA:
		return grayOf(size, img.Pix, enums.Uint8)
	case *image.NRGBA:
		return grayOf(size, img.Pix, enums.Uint8)
	case *image.RGBA64:
		return grayOf(size, img.Pix, enums.Uint16)
	case *image.NRGBA64:
		return grayOf(size, img.Pix, enums.Uint16)
	}
	return nil, fmt.Errorf("images of kind %T are not read", img)
}

// grayOf takes the gray of four-sample pixels whose colours are equal.
func grayOf(size image.Point, samples []byte, pixel enums.PixelType) (*imaging.Plane, error) {
	p := imaging.NewPlane(size.Y, size.X, pixel)
	for i := range p.Pix {
		var r, g, b uint16
		if pixel == enums.Uint8 {
			r, g, b = uint16(samples[4*i]), uint16(samples[4*i+1]), uint16(samples[4*i+2])
		} else {
			r = binary.BigEndian.Uint16(samples[8*i:])
			g = binary.BigEndian.Uint16(samples[8*i+2:])
			b = binary.BigEndian.Uint16(samples[8*i+4:])
		}
		if r != g || g != b {
			return nil, fmt.Errorf("it is a colour image (pixel %d,%d): split it into one grayscale file per channel", i%size.X, i/size.X)
		}
		p.Pix[i] = float32(r)
	}
	return p, nil
}
