package server

import (
	"path/filepath"
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// wellRoom is what the tables, records and logs of a well are taken to need on
// disk, in bytes.
const wellRoom = 64 << 10

// roomNeeded estimates the bytes that a plan's results add to the folder out:
// tables, and the planes that steps keep, at the size and pixel type of the
// plate's images. Label maps are compressed and not counted, nor are wells whose
// results are in the folder already: running the rest of a plate asks for
// room for the rest.
func roomNeeded(p *pipeline.Plan, out string) int64 {
	keeps := slices.ContainsFunc(p.Steps, func(s pipeline.Step) bool { return s.Keep })
	sizes := make(map[string]int64)
	if keeps {
		sizes = imageSizes(p)
	}
	var need int64
	for i := range p.Wells {
		if w := &p.Wells[i]; !result.Holds(out, w.Well) {
			need += wellRoom
			if keeps {
				need += keptBytes(p.Steps, w.Images, sizes)
			}
		}
	}
	return need
}

// keptBytes takes a well's planes through the steps, and adds up what is kept.
func keptBytes(steps []pipeline.Step, images []plate.Image, sizes map[string]int64) int64 {
	start := make([]plate.Coordinates, len(images))
	for i := range images {
		start[i] = images[i].Coordinates
	}
	planes := start
	var kept int64
	for i := range steps {
		step := &steps[i]
		if step.From == pipeline.PipelineStart {
			planes = start
		}
		after := slices.Clone(planes)
		gone := make([]bool, len(planes))
		for _, g := range step.Stacks(planes) {
			made := g.Planes
			if step.Branches[g.Branch].Reduces() {
				for _, n := range made[1:] {
					gone[n] = true
				}
				made = made[:1]
				after[made[0]] = g.Key
			}
			if step.Keep {
				for _, n := range made {
					kept += sizes[after[n].Channel]
				}
			}
		}
		planes = planes[:0:0]
		for n, c := range after {
			if !gone[n] {
				planes = append(planes, c)
			}
		}
	}
	return kept
}

// imageSizes returns the bytes of an uncompressed image per channel, from the
// header of its first, and under "" those of the largest. A header that cannot
// be read counts for nothing here; its well says so when it runs.
func imageSizes(p *pipeline.Plan) map[string]int64 {
	sizes := make(map[string]int64)
	var largest int64
	for i := range p.Wells {
		for _, image := range p.Wells[i].Images {
			if _, known := sizes[image.Channel]; known {
				continue
			}
			header, err := plate.ReadHeader(filepath.Join(p.PlateRoot, filepath.FromSlash(image.Path)))
			if err != nil {
				sizes[image.Channel] = 0
				continue
			}
			sizes[image.Channel] = int64(header.Width) * int64(header.Height) * sampleBytes(header.Type)
			largest = max(largest, sizes[image.Channel])
		}
	}
	sizes[""] = largest // of planes whose channels were reduced
	return sizes
}

func sampleBytes(t enums.PixelType) int64 {
	switch t {
	case enums.Uint8:
		return 1
	case enums.Uint16:
		return 2
	default:
		return 4
	}
}
