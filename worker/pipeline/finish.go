package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// finish makes the plans of the chosen wells.
func (c *compiler) finish(wells []string) error {
	c.plan.Segments = segments(c.plan.Steps, c.plan.Tables, c.facts)
	c.plan.Warnings = append(c.plan.Warnings, c.index.Warnings...)

	// Image sets are numbered over the plate, so that a well has the same
	// numbers however few wells are chosen.
	images := slices.Clone(c.index.Images)
	slices.SortFunc(images, func(a, b plate.Image) int {
		return cmp.Or(
			imageSet(a.Coordinates, c.plan.Tables.Z).Compare(imageSet(b.Coordinates, c.plan.Tables.Z)),
			a.Compare(b.Coordinates),
			cmp.Compare(a.Path, b.Path),
		)
	})
	number(images, c.plan.Tables.Z)
	byWell := make(map[string][]plate.Image)
	for _, image := range images {
		byWell[image.Well] = append(byWell[image.Well], image)
	}

	sizes := planeSizes(c.index)
	type memory struct{ peak, parcel int64 }
	layoutOf := make(map[string]*layout)
	memoryOf := make(map[*layout]memory)
	for _, l := range c.layouts {
		for _, well := range l.wells {
			layoutOf[well] = l
		}
	}
	steps, err := stepsDigest(c.plan)
	if err != nil {
		return err
	}
	slices.SortFunc(wells, plate.CompareWells)
	for _, well := range wells {
		l := layoutOf[well]
		if _, known := memoryOf[l]; !known {
			peak, parcel := c.memory(l, sizes)
			memoryOf[l] = memory{peak, parcel}
		}
		plan := WellPlan{
			Well:        well,
			Images:      byWell[well],
			Warnings:    append(missing(c.index, well), l.warnings...),
			PeakBytes:   memoryOf[l].peak,
			ParcelBytes: memoryOf[l].parcel,
		}
		slices.SortFunc(plan.Images, func(a, b plate.Image) int { return a.Compare(b.Coordinates) })
		c.plan.Wells = append(c.plan.Wells, plan)
	}
	digestWells(c.plan, steps)
	return nil
}

// missing words the images that the plate should have in a well and has not.
func missing(index *plate.Index, well string) []string {
	const most = 10
	var list []string
	left := 0
	for _, m := range index.Missing {
		switch {
		case m.Well != well:
		case len(list) == most:
			left++
		default:
			list = append(list, "missing image: "+m.Without(enums.Well).String())
		}
	}
	if left > 0 {
		list = append(list, fmt.Sprintf("and %d more missing images", left))
	}
	return list
}

// stepsDigest covers everything but the images that decides a well's results.
func stepsDigest(p *Plan) ([]byte, error) {
	text, err := json.Marshal(struct {
		Plate  string
		Steps  []Step
		Tables Tables
	}{p.Plate, p.Steps, p.Tables})
	if err != nil {
		return nil, fmt.Errorf("digest steps: %w", err)
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}

// digestWells fills in the digests. A file counts by path, size and time of
// change: reading every pixel of a plate to compile it would cost as much as
// the run.
func digestWells(p *Plan, steps []byte) {
	const parallel = 8 // file systems over a network answer slowly, not one at a time
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	for i := range p.Wells {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			well := &p.Wells[i]
			sum := sha256.New()
			sum.Write(steps)
			for _, image := range well.Images {
				// A file that is gone has neither; its well says so when it runs.
				var size, changed int64
				if info, err := os.Stat(filepath.Join(p.PlateRoot, filepath.FromSlash(image.Path))); err == nil {
					size, changed = info.Size(), info.ModTime().UnixNano()
				}
				fmt.Fprintf(sum, "%q %d %d %d\n", image.Path, image.ImageNumber, size, changed)
			}
			well.Digest = hex.EncodeToString(sum.Sum(nil))
		})
	}
	running.Wait()
	sum := sha256.New()
	sum.Write(steps)
	for _, well := range p.Wells {
		fmt.Fprintf(sum, "%s %s\n", well.Well, well.Digest)
	}
	p.Digest = hex.EncodeToString(sum.Sum(nil))
}
