package plate

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// cell is an ellipsoid. Lengths are in pixels, z in planes from 0.
type cell struct {
	x, y, z      float64
	major, minor float64 // semi-axes in the plane
	depth        float64 // semi-axis across the planes
	sin, cos     float64 // of the major axis against x
	brightness   float64 // counts at its centre, in focus
}

func (c cell) degrees() float64 { return math.Atan2(c.sin, c.cos) * 180 / math.Pi }

// radius2 returns the squared distance of a pixel from the centre, in units of
// the ellipse scaled by scale: 1 at its edge.
func (c cell) radius2(x, y, scale float64) float64 {
	dx, dy := x-c.x, y-c.y
	u := (dx*c.cos + dy*c.sin) / (c.major * scale)
	v := (dy*c.cos - dx*c.sin) / (c.minor * scale)
	return u*u + v*v
}

// scene is a whole well: one wide field that its sites are cut from, so that
// overlapping sites agree.
type scene struct {
	Synthesis
	well     string
	cells    []cell
	survival float64 // fraction of cells that the well's dose leaves
}

// siteTruth is what is in one site.
type siteTruth struct {
	cells          []cell  // whose centre is in it, in its pixels
	visible        int     // cells with at least 20 pixels in it
	stageX, stageY float64 // of its centre, µm from the well's; y points up
}

// source returns the random numbers of one purpose: independent of the order in
// which wells and images are made.
func (s Synthesis) source(purpose string, numbers ...int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	for _, n := range numbers {
		h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	}
	return rand.New(rand.NewPCG(s.Seed, h.Sum64()))
}

// scene places the cells of a well.
func (s Synthesis) scene(well string) *scene {
	sc := &scene{
		Synthesis: s,
		well:      well,
		survival:  s.survival(well),
	}
	stepX, stepY := s.step()
	width := float64(stepX*(s.Columns-1) + s.Width)
	height := float64(stepY*(s.Rows-1) + s.Height)
	density := float64(s.Cells) / float64(s.Width*s.Height)
	random := s.source("cells " + well)
	wanted := density * width * height * sc.survival * (1 + 0.04*random.NormFloat64())
	near := newNeighbours(28)
	for range int(math.Round(wanted)) {
		c := cell{major: 8 + 4*random.Float64(), brightness: 2000 + 2000*random.Float64()}
		c.minor = c.major * (0.65 + 0.3*random.Float64())
		c.depth = max(1, float64(s.Planes)/5)
		c.z = (0.3 + 0.4*random.Float64()) * float64(s.Planes-1)
		c.sin, c.cos = math.Sincos(math.Pi * (random.Float64() - 0.5))
		// Cells touch now and then, but do not lie on each other. In a field
		// that is full, the next cell finds no place and is left out.
		for range 30 {
			c.x, c.y = width*random.Float64()-0.5, height*random.Float64()-0.5
			if near.free(c) {
				near.add(c)
				sc.cells = append(sc.cells, c)
				break
			}
		}
	}
	return sc
}

// survival returns the fraction of cells left in a well: a Hill-like curve over
// the columns, with a potency and steepness of its own for each row. The first
// column is the untreated control.
func (s Synthesis) survival(well string) float64 {
	row, column, err := parseWell(well)
	if err != nil || column == 0 {
		return 1
	}
	_, columns := s.size()
	random := s.source("compound", row)
	half := float64(columns) * (0.35 + 0.5*random.Float64())
	slope := (4 + 6*random.Float64()) / float64(columns)
	return 1 - 0.85/(1+math.Exp(-slope*(float64(column)-half)))
}

// neighbours finds the cells near a place, in buckets of the largest distance
// that matters.
type neighbours struct {
	edge    float64
	buckets map[[2]int][]cell
}

func newNeighbours(edge float64) neighbours {
	return neighbours{edge, make(map[[2]int][]cell)}
}

func (n neighbours) bucket(c cell) [2]int {
	return [2]int{int(math.Floor(c.x / n.edge)), int(math.Floor(c.y / n.edge))}
}

func (n neighbours) add(c cell) {
	b := n.bucket(c)
	n.buckets[b] = append(n.buckets[b], c)
}

func (n neighbours) free(c cell) bool {
	b := n.bucket(c)
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			for _, other := range n.buckets[[2]int{b[0] + dx, b[1] + dy}] {
				if math.Hypot(c.x-other.x, c.y-other.y) < 0.9*(c.major+other.major) {
					return false
				}
			}
		}
	}
	return true
}

// step returns the pixels from a site to the next.
func (s Synthesis) step() (x, y int) {
	return max(1, int(math.Round(float64(s.Width)*(1-s.Overlap)))), max(1, int(math.Round(float64(s.Height)*(1-s.Overlap))))
}

// origin returns the well's pixel at a site's upper left corner.
func (s Synthesis) origin(site int) (x, y float64) {
	stepX, stepY := s.step()
	return float64(site % s.Columns * stepX), float64(site / s.Columns * stepY)
}

// stage returns a site's centre in µm from the well's; y points up.
func (s Synthesis) stage(site int) (x, y float64) {
	stepX, stepY := s.step()
	x, y = s.origin(site)
	return (x - float64(stepX*(s.Columns-1))/2) * s.PixelSize, (float64(stepY*(s.Rows-1))/2 - y) * s.PixelSize
}

// at returns a cell in a site's pixels.
func (sc *scene) at(c cell, site int) cell {
	x, y := sc.origin(site)
	c.x -= x
	c.y -= y
	return c
}

// truth returns what is in a site.
func (sc *scene) truth(site int) siteTruth {
	var t siteTruth
	for _, c := range sc.cells {
		c = sc.at(c, site)
		if c.x >= -0.5 && c.x < float64(sc.Width)-0.5 && c.y >= -0.5 && c.y < float64(sc.Height)-0.5 {
			t.cells = append(t.cells, c)
		}
		pixels := 0
		sc.each(c, 1, func(_ int, r2 float64) {
			if r2 <= 1 {
				pixels++
			}
		})
		if pixels >= 20 {
			t.visible++
		}
	}
	t.stageX, t.stageY = sc.stage(site)
	return t
}

// each visits the pixels of a site that lie within reach times a cell's larger
// semi-axis of its centre.
func (sc *scene) each(c cell, reach float64, visit func(i int, r2 float64)) {
	r := c.major * reach
	x0, x1 := max(0, int(math.Ceil(c.x-r))), min(sc.Width-1, int(math.Floor(c.x+r)))
	y0, y1 := max(0, int(math.Ceil(c.y-r))), min(sc.Height-1, int(math.Floor(c.y+r)))
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			visit(y*sc.Width+x, c.radius2(float64(x), float64(y), 1))
		}
	}
}

// render fills p, of shape (Y, X), with one image of the well. Everything
// counts from 0.
func (sc *scene) render(p *imaging.Plane, site, channel, z, timepoint int) {
	sc.background(p)
	bleaching := math.Pow(0.97, float64(timepoint))
	for _, c := range sc.cells {
		c = sc.at(c, site)
		size, gain := 1.0, bleaching
		if channel > 0 { // cell bodies: wider and dimmer, and dimmer with the dose
			size = 1.5 + 0.1*float64(channel)
			gain *= (0.3 + 0.3*sc.survival) / float64(channel)
		}
		c.major, c.minor = c.major*size, c.minor*size
		// Out of focus the edge softens and the light spreads.
		blur := math.Abs(float64(z)-c.z) / c.depth
		edge := 0.05 + 0.12*blur
		peak := c.brightness * gain / (1 + 0.6*blur)
		sc.each(c, 1+6*edge, func(i int, r2 float64) {
			r := math.Sqrt(r2)
			dome := 0.75 + 0.25*math.Sqrt(max(0, 1-r2))
			p.Pix[i] += float32(peak * dome / (1 + math.Exp((r-1)/edge)))
		})
	}
	sc.addNoise(p, sc.source("noise "+sc.well, site, channel, z, timepoint))
}

// background is brighter in the middle of the field, as lamps make it.
func (sc *scene) background(p *imaging.Plane) {
	for y := range p.Height {
		v := 2*float64(y)/float64(p.Height) - 1
		row := p.Row(y)
		for x := range row {
			u := 2*float64(x)/float64(p.Width) - 1
			row[x] = float32(sc.Background * (1 - 0.1*(u*u+v*v)))
		}
	}
}

// addNoise adds shot noise and the camera's, and rounds to counts.
func (sc *scene) addNoise(p *imaging.Plane, random *rand.Rand) {
	if sc.Noise == 0 {
		for i, v := range p.Pix {
			p.Pix[i] = float32(clip(v, math.MaxUint16))
		}
		return
	}
	camera := float32(sc.Noise * sc.Noise)
	for i, v := range p.Pix {
		sigma := float32(math.Sqrt(float64(camera + v)))
		p.Pix[i] = float32(clip(v+float32(sigma*float32(random.NormFloat64())), math.MaxUint16))
	}
}
