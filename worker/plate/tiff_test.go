package plate

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/image/tiff"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// ramp returns a plane with every kind of value its type has.
func ramp(pixel enums.PixelType) *imaging.Plane {
	p := imaging.NewPlane(7, 5, pixel)
	for i := range p.Pix {
		switch pixel {
		case enums.Uint8:
			p.Pix[i] = float32(i * 7)
		case enums.Uint16:
			p.Pix[i] = float32(i * 1900)
		default:
			p.Pix[i] = float32(i)/3 - 4
		}
	}
	return p
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestWriteAndRead(t *testing.T) {
	t.Parallel()
	for _, pixel := range enums.PixelTypes() {
		for _, options := range []TIFFOptions{{}, {Deflate: true}, {Description: "hello"}, {Description: "ab", Deflate: true}} {
			t.Run(fmt.Sprintf("%s_%+v", pixel, options), func(t *testing.T) {
				t.Parallel()
				want := ramp(pixel)
				var b bytes.Buffer
				if err := WriteTIFFWith(&b, want, options); err != nil {
					t.Fatal(err)
				}
				path := write(t, filepath.Join(t.TempDir(), "x.tif"), b.Bytes())
				got, err := Read(path)
				if err != nil {
					t.Fatal(err)
				}
				if got.Type != pixel || got.Width != 5 || got.Height != 7 || !slices.Equal(got.Pix, want.Pix) {
					t.Errorf("%+v", got)
				}
				h, err := ReadHeader(path)
				if err != nil || h.Width != 5 || h.Height != 7 || h.Type != pixel || h.Pages || h.Tiled || (h.Compression == "deflate") != options.Deflate {
					t.Errorf("%+v %v", h, err)
				}
				if pixel != enums.Float32 { // another reader agrees
					img, err := tiff.Decode(bytes.NewReader(b.Bytes()))
					if err != nil {
						t.Fatal(err)
					}
					other, err := fromImage(img)
					if err != nil || !slices.Equal(other.Pix, want.Pix) {
						t.Errorf("%v %v", other, err)
					}
				}
			})
		}
	}
}

func TestWriteRoundsAndClips(t *testing.T) {
	t.Parallel()
	p := &imaging.Plane{Height: 1, Width: 6, Type: enums.Uint8, Pix: []float32{-3, 1.4, 1.6, 300, float32(math.NaN()), float32(math.Inf(1))}}
	var b bytes.Buffer
	if err := WriteTIFF(&b, p); err != nil {
		t.Fatal(err)
	}
	got, err := Read(write(t, filepath.Join(t.TempDir(), "x.tif"), b.Bytes()))
	if err != nil || !slices.Equal(got.Pix, []float32{0, 1, 2, 255, 0, 255}) {
		t.Errorf("%v %v", got, err)
	}
	if err := WriteTIFF(&b, &imaging.Plane{Height: 2, Width: 2, Type: enums.Uint8, Pix: []float32{1}}); err == nil {
		t.Error("one sample was written as 2×2 pixels")
	}
}

func TestWriteLabels(t *testing.T) {
	t.Parallel()
	l := imaging.NewLabels(3, 4)
	for i := range l.Pix {
		l.Pix[i] = int32(i * 5000)
	}
	l.Count = 55000
	var b bytes.Buffer
	if err := WriteLabelsTIFF(&b, l); err != nil {
		t.Fatal(err)
	}
	p, err := Read(write(t, filepath.Join(t.TempDir(), "x.tif"), b.Bytes()))
	if err != nil || p.Type != enums.Uint16 || p.Pix[11] != 55000 {
		t.Errorf("%v %v", p, err)
	}
	l.Pix[11], l.Count = 70000, 70000
	b.Reset()
	if err := WriteLabelsTIFF(&b, l); err != nil {
		t.Fatal(err)
	}
	if h, err := parseTIFF(bytes.NewReader(b.Bytes()), int64(b.Len())); err == nil || !strings.Contains(err.Error(), "32-bit samples of format 1") {
		t.Errorf("%v %v", h, err)
	}
}

// Strips decoded here and by golang.org/x/image/tiff agree with each other and
// with what the manifest of the real plates says another reader saw.
func TestRealImages(t *testing.T) {
	t.Parallel()
	// One file in so many is read: all 341 take a minute under the race detector.
	for dir, every := range map[string]int{"transfluor_row_O": 6, "imagexpress_faim": 6, "operetta_harmony_2field": 1, "cellvoyager_cv8000": 50} {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			root := sample(t, dir)
			manifest := readManifest(t, filepath.Join(root, "MANIFEST.csv"))
			files := 0
			err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !isImage(path) {
					return err
				}
				if files++; files%every != 0 {
					return nil
				}
				below, err := filepath.Rel(root, path)
				if err != nil {
					return err
				}
				checkImage(t, path, manifest[filepath.ToSlash(below)])
				checkAgainstOther(t, path)
				return nil
			})
			if err != nil || files == 0 {
				t.Errorf("%d files: %v", files, err)
			}
		})
	}
}

// facts are a manifest's columns dims_rows_x_cols, dtype, min, max, mean.
type facts struct {
	shape, kind    string
	min, max, mean float64
}

func readManifest(t *testing.T, path string) map[string]facts {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	all := make(map[string]facts)
	for _, row := range rows[1:] {
		number := func(name string) float64 { v, _ := strconv.ParseFloat(row[column(name)], 64); return v }
		all[row[column("path")]] = facts{row[column("dims_rows_x_cols")], row[column("dtype")], number("min"), number("max"), number("mean")}
	}
	return all
}

func checkImage(t *testing.T, path string, want facts) {
	t.Helper()
	p, err := Read(path)
	if err != nil {
		t.Error(err)
		return
	}
	low, high, sum := p.Pix[0], p.Pix[0], 0.0
	for _, v := range p.Pix {
		low, high = min(low, v), max(high, v)
		sum += float64(v)
	}
	mean := sum / float64(len(p.Pix))
	if fmt.Sprintf("%dx%d", p.Height, p.Width) != want.shape || string(p.Type) != want.kind ||
		float64(low) != want.min || float64(high) != want.max || math.Abs(mean-want.mean) > 0.006 {
		t.Errorf("%s: %d×%d %s from %g to %g, mean %g; want %+v", path, p.Height, p.Width, p.Type, low, high, mean, want)
	}
}

// checkAgainstOther compares the two ways to decode a file.
func checkAgainstOther(t *testing.T, path string) {
	t.Helper()
	p, err := Read(path)
	if err != nil {
		t.Error(err)
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	img, err := tiff.Decode(f)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	other, err := fromImage(img)
	if err != nil || !slices.Equal(p.Pix, other.Pix) {
		t.Errorf("%s: the two readers differ: %v", path, err)
	}
}

// encodeWith writes a gray image as golang.org/x/image/tiff does.
func encodeWith(t testing.TB, img image.Image, options *tiff.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, img, options); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadWhatOthersWrite(t *testing.T) {
	t.Parallel()
	gray16 := image.NewGray16(image.Rect(0, 0, 9, 4))
	gray8 := image.NewGray(gray16.Rect)
	grayRGB := image.NewRGBA(gray16.Rect)
	paletted := image.NewPaletted(gray16.Rect, make(color.Palette, 256))
	for i := range paletted.Palette {
		paletted.Palette[i] = color.Gray{uint8(i)}
	}
	for i := range 36 {
		gray16.SetGray16(i%9, i/9, color.Gray16{uint16(i * 1800)})
		gray8.SetGray(i%9, i/9, color.Gray{uint8(i * 7)})
		grayRGB.Set(i%9, i/9, color.Gray{uint8(i * 7)})
		paletted.SetColorIndex(i%9, i/9, uint8(i*7))
	}
	for name, c := range map[string]struct {
		img     image.Image
		options *tiff.Options
		scale   float32
	}{
		"16 bit":           {gray16, nil, 1800},
		"deflate":          {gray16, &tiff.Options{Compression: tiff.Deflate}, 1800},
		"predictor 16 bit": {gray16, &tiff.Options{Compression: tiff.Deflate, Predictor: true}, 1800},
		"8 bit":            {gray8, nil, 7},
		"predictor 8 bit":  {gray8, &tiff.Options{Compression: tiff.Deflate, Predictor: true}, 7},
		"gray as colour":   {grayRGB, nil, 7},
		"palette":          {paletted, nil, 7},
	} {
		p, err := Read(write(t, filepath.Join(t.TempDir(), "x.tif"), encodeWith(t, c.img, c.options)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, v := range p.Pix {
			if v != float32(i)*c.scale {
				t.Errorf("%s: pixel %d is %g", name, i, v)
				break
			}
		}
	}
	grayRGB.Set(3, 1, color.RGBA{1, 2, 3, 255})
	_, err := Read(write(t, filepath.Join(t.TempDir(), "x.tif"), encodeWith(t, grayRGB, nil)))
	if err == nil || !strings.Contains(err.Error(), "colour image (pixel 3,1)") {
		t.Error(err)
	}
}

func TestUnreadableFilesAreNamed(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteTIFF(&b, imaging.NewPlane(64, 64, enums.Uint16)); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	b = bytes.Buffer{}
	if err := WriteTIFFWith(&b, ramp(enums.Uint16), TIFFOptions{Deflate: true}); err != nil {
		t.Fatal(err)
	}
	packed := b.Bytes()
	damaged := slices.Clone(packed)
	damaged[len(damaged)-30] ^= 1 // only the checksum can tell
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"cut in the pixels", whole[:len(whole)-100], "the file is truncated"},
		{"cut in the header", whole[:60], "the file is truncated"},
		{"cut in the first bytes", whole[:5], "the file is truncated"},
		{"cut when compressed", packed[:len(packed)-10], "the file is truncated"},
		{"damaged when compressed", damaged, "damaged"},
		{"empty", nil, "the file is empty"},
		{"a picture of another kind", []byte("\x89PNG\r\n\x1a\n........"), "not a TIFF file"},
		{"BigTIFF", []byte("II+\x00\x08\x00\x00\x00........"), "BigTIFF"},
		{"absurd dimensions", edit(whole, tagWidth, 1<<30), "claims 1073741824×64 pixels"},
		{"huge dimensions", edit(edit(whole, tagWidth, 1<<14), tagHeight, 1<<14+1), "claims 16384×16385 pixels"},
		{"no pixels", edit(whole, tagHeight, 0), "claims 64×0 pixels"},
		{"more pixels than bytes", edit(whole, tagHeight, 60000), "do not fit in its"},
		{"more than any codec packs", edit(edit(packed, tagWidth, 1<<13), tagHeight, 1<<13), "do not fit in its"},
		{"unknown compression", edit(whole, tagCompression, 7), "compression 7 is not read"},
		{"12 bit", edit(whole, tagBits, 12), "12-bit samples"},
	} {
		path := write(t, filepath.Join(t.TempDir(), "x.tif"), c.data)
		_, err := Read(path)
		var unreadable *UnreadableError
		if !errors.As(err, &unreadable) || unreadable.Path != path || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none.tif"), t.TempDir(), os.DevNull} {
		var unreadable *UnreadableError
		if _, err := Read(path); !errors.As(err, &unreadable) || unreadable.Path != path || strings.Count(err.Error(), path) != 1 {
			t.Error(err)
		}
		if _, err := ReadHeader(path); !errors.As(err, &unreadable) {
			t.Error(err)
		}
	}
}

// edit returns a file of WriteTIFF with a tag's value changed.
func edit(file []byte, tag uint16, value uint32) []byte {
	b := slices.Clone(file)
	for at := 10; at+12 <= len(b); at += 12 {
		if binary.LittleEndian.Uint16(b[at:]) == tag {
			binary.LittleEndian.PutUint32(b[at+8:], value)
			break
		}
	}
	return b
}

func FuzzTIFF(f *testing.F) {
	for _, pixel := range enums.PixelTypes() {
		for _, options := range []TIFFOptions{{}, {Deflate: true, Description: "text"}} {
			var b bytes.Buffer
			if err := WriteTIFFWith(&b, ramp(pixel), options); err != nil {
				f.Fatal(err)
			}
			f.Add(b.Bytes())
		}
	}
	f.Add(encodeWith(f, image.NewRGBA(image.Rect(0, 0, 4, 4)), nil))
	f.Add(encodeWith(f, image.NewGray16(image.Rect(0, 0, 16, 16)), &tiff.Options{Compression: tiff.Deflate, Predictor: true}))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parseTIFF(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		metaSeriesPixelSize(file.description())
		if file.Width*file.Height > 1<<22 {
			return // within bounds, but slow to fuzz
		}
		p, err := file.decode()
		if err == nil && (p.Width != file.Width || p.Height != file.Height || len(p.Pix) != p.Width*p.Height || p.Type != file.Type) {
			t.Errorf("%+v: header %+v", p, file.Header)
		}
	})
}
