package plate

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// TIFFOptions say how an image is written; the zero value is uncompressed.
type TIFFOptions struct {
	Deflate     bool   // compress with Deflate
	Description string // ImageDescription, ASCII
}

// WriteTIFF writes a plane as a grayscale TIFF of its own type: uint8 and
// uint16 rounded and clipped to their range (NaN is 0), float32 as it is.
// Little-endian, uncompressed, one strip. The same plane gives the same bytes.
func WriteTIFF(w io.Writer, p *imaging.Plane) error { return WriteTIFFWith(w, p, TIFFOptions{}) }

// WriteTIFFWith is [WriteTIFF] with options.
func WriteTIFFWith(w io.Writer, p *imaging.Plane, options TIFFOptions) error {
	layout := tiffLayout{width: p.Width, height: p.Height, format: unsignedSamples, TIFFOptions: options}
	var put func(b []byte, i int)
	switch p.Type {
	case enums.Uint8:
		layout.bits = 8
		put = func(b []byte, i int) { b[0] = byte(clip(p.Pix[i], math.MaxUint8)) }
	case enums.Uint16:
		layout.bits = 16
		put = func(b []byte, i int) { binary.LittleEndian.PutUint16(b, uint16(clip(p.Pix[i], math.MaxUint16))) }
	case enums.Float32:
		layout.bits, layout.format = 32, floatSamples
		put = func(b []byte, i int) { binary.LittleEndian.PutUint32(b, math.Float32bits(p.Pix[i])) }
	default:
		return fmt.Errorf("write image: pixel type %q is not one of %v", p.Type, enums.PixelTypes())
	}
	return layout.write(w, len(p.Pix), put)
}

// WriteLabelsTIFF writes a label map as unsigned 16 bit, or 32 bit when it has
// more than 65535 objects; Deflate-compressed, which suits label maps.
func WriteLabelsTIFF(w io.Writer, l *imaging.Labels) error {
	layout := tiffLayout{width: l.Width, height: l.Height, bits: 16, format: unsignedSamples, TIFFOptions: TIFFOptions{Deflate: true}}
	put := func(b []byte, i int) { binary.LittleEndian.PutUint16(b, uint16(l.Pix[i])) }
	if l.Count > math.MaxUint16 {
		layout.bits = 32
		put = func(b []byte, i int) { binary.LittleEndian.PutUint32(b, uint32(l.Pix[i])) }
	}
	return layout.write(w, len(l.Pix), put)
}

func clip(v, top float32) uint32 {
	switch {
	case !(v > 0): // NaN too
		return 0
	case v >= top:
		return uint32(top)
	}
	return uint32(v + 0.5)
}

type tiffLayout struct {
	TIFFOptions
	width, height, bits, format int
}

// write puts out header, directory and description, then the samples as one
// strip; put encodes sample i.
func (l tiffLayout) write(w io.Writer, samples int, put func(b []byte, i int)) error {
	if l.width < 1 || l.height < 1 || samples != l.width*l.height {
		return fmt.Errorf("write image: %d samples do not make %d×%d pixels", samples, l.width, l.height)
	}
	count := int64(samples) * int64(l.bits/8)
	if count > math.MaxUint32-1<<20 {
		return fmt.Errorf("write image: %d×%d pixels of %d bit do not fit in a TIFF file", l.width, l.height, l.bits)
	}
	var packed bytes.Buffer
	if l.Deflate {
		z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
		if err != nil {
			return fmt.Errorf("compress image: %w", err)
		}
		if err := l.encode(z, samples, put); err != nil {
			return fmt.Errorf("compress image: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("compress image: %w", err)
		}
		count = int64(packed.Len())
	}
	out := bufio.NewWriter(w)
	out.Write(l.header(uint32(count)))
	if l.Deflate {
		out.Write(packed.Bytes())
	} else if err := l.encode(out, samples, put); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	if err := out.Flush(); err != nil { // carries the error of every write before
		return fmt.Errorf("write image: %w", err)
	}
	return nil
}

// encode writes the samples in chunks of a row.
func (l tiffLayout) encode(w io.Writer, samples int, put func(b []byte, i int)) error {
	width := l.bits / 8
	row := make([]byte, l.width*width)
	for i := 0; i < samples; i += l.width {
		for x := range l.width {
			put(row[x*width:], i+x)
		}
		if _, err := w.Write(row); err != nil {
			return err
		}
	}
	return nil
}

// header returns everything before the strip, whose length is count.
func (l tiffLayout) header(count uint32) []byte {
	const (
		short = 3
		long  = 4
		ascii = 2
	)
	type entry struct {
		tag, kind uint16
		n, value  uint32
	}
	compression := uint32(compressionNone)
	if l.Deflate {
		compression = compressionDeflate
	}
	entries := []entry{
		{tagWidth, long, 1, uint32(l.width)},
		{tagHeight, long, 1, uint32(l.height)},
		{tagBits, short, 1, uint32(l.bits)},
		{tagCompression, short, 1, compression},
		{tagPhotometric, short, 1, blackIsZero},
	}
	text := append([]byte(l.Description), 0)
	for len(text) < 5 || len(text)%2 != 0 { // longer than 4, so that it is stored by offset; words are even
		text = append(text, 0)
	}
	if l.Description == "" {
		text = nil
	} else {
		entries = append(entries, entry{tagDescription, ascii, uint32(len(text)), 0})
	}
	entries = append(entries,
		entry{tagStripOffsets, long, 1, 0},
		entry{tagSamples, short, 1, 1},
		entry{tagRowsPerStrip, long, 1, uint32(l.height)},
		entry{tagStripByteCounts, long, 1, count},
		entry{tagSampleFormat, short, 1, uint32(l.format)})

	textAt := uint32(8 + 2 + 12*len(entries) + 4)
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("II*\x00"), 8)
	b = le.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		switch e.tag {
		case tagDescription:
			e.value = textAt
		case tagStripOffsets:
			e.value = textAt + uint32(len(text))
		}
		b = le.AppendUint16(b, e.tag)
		b = le.AppendUint16(b, e.kind)
		b = le.AppendUint32(b, e.n)
		b = le.AppendUint32(b, e.value)
	}
	b = le.AppendUint32(b, 0) // no second page
	return append(b, text...)
}
