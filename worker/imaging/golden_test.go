package imaging

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// array is one entry of golden.zip.
type array struct {
	dtype string
	shape []int
	data  []float64
}

type golden map[string]array

// readGolden reads testdata/golden.zip, which scripts/golden/make.py writes.
func readGolden(t testing.TB) golden {
	t.Helper()
	archive, err := zip.OpenReader("testdata/golden.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	g := golden{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		a, err := parseArray(data)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		g[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	return g
}

var header = regexp.MustCompile(`'descr': '([^']+)'.*'shape': \(([^)]*)\)`)

func parseArray(data []byte) (array, error) {
	length := int(binary.LittleEndian.Uint16(data[8:]))
	found := header.FindSubmatch(data[10 : 10+length])
	if found == nil {
		return array{}, fmt.Errorf("not a version 1 .npy array")
	}
	a := array{dtype: string(found[1][1:])}
	n := 1
	for _, d := range strings.FieldsFunc(string(found[2]), func(r rune) bool { return r == ',' || r == ' ' }) {
		size, err := strconv.Atoi(d)
		if err != nil {
			return array{}, err
		}
		a.shape = append(a.shape, size)
		n *= size
	}
	data = data[10+length:]
	a.data = make([]float64, n)
	size := int(a.dtype[1] - '0')
	for i := range a.data {
		b := data[i*size : (i+1)*size]
		switch a.dtype {
		case "u1", "b1":
			a.data[i] = float64(b[0])
		case "u2":
			a.data[i] = float64(binary.LittleEndian.Uint16(b))
		case "i8":
			a.data[i] = float64(int64(binary.LittleEndian.Uint64(b)))
		case "f4":
			a.data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		case "f8":
			a.data[i] = math.Float64frombits(binary.LittleEndian.Uint64(b))
		default:
			return array{}, fmt.Errorf("type %q is not expected", a.dtype)
		}
	}
	return a, nil
}

func (a array) plane() *Plane {
	types := map[string]enums.PixelType{"u1": enums.Uint8, "u2": enums.Uint16, "f4": enums.Float32}
	p := NewPlane(a.shape[0], a.shape[1], types[a.dtype])
	for i, v := range a.data {
		p.Pix[i] = float32(v)
	}
	return p
}

func (a array) mask() *Mask {
	m := NewMask(a.shape[0], a.shape[1])
	for i, v := range a.data {
		m.Pix[i] = v != 0
	}
	return m
}

func (a array) labels() *Labels {
	l := NewLabels(a.shape[0], a.shape[1])
	for i, v := range a.data {
		l.Pix[i] = int32(v)
		l.Count = max(l.Count, int(v))
	}
	return l
}

func (a array) points() []Point {
	points := make([]Point, a.shape[0])
	for i := range points {
		points[i] = Point{int(a.data[2*i]), int(a.data[2*i+1])}
	}
	return points
}

// each runs check for every entry "kind/name" or "kind/name/argument".
func (g golden) each(t *testing.T, kind string, check func(t *testing.T, name, argument string, want array)) {
	t.Helper()
	n := 0
	for key, want := range g {
		parts := append(strings.Split(key, "/"), "")
		if parts[0] == kind {
			n++
			t.Run(key, func(t *testing.T) { check(t, parts[1], parts[2], want) })
		}
	}
	if n == 0 {
		t.Fatalf("testdata/golden.zip has no %q", kind)
	}
}

func integer(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// same fails at the first value that differs by more than tolerance, relative to
// the larger of the two (absolute below 1).
func same[T int32 | float32 | float64](t *testing.T, got []T, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d values, want %d", len(got), len(want))
	}
	for i, g := range got {
		limit := tolerance * max(1, math.Abs(want[i]))
		if math.Abs(float64(g)-want[i]) > limit || math.IsNaN(float64(g)) {
			t.Fatalf("value %d is %v, want %v", i, g, want[i])
		}
	}
}

func sameMask(t *testing.T, got *Mask, want array) {
	t.Helper()
	for i, g := range got.Pix {
		if g != (want.data[i] != 0) {
			t.Fatalf("pixel %d,%d is %v", i/got.Width, i%got.Width, g)
		}
	}
}
