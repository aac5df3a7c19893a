package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

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

// digestWells fills in the digests and looks. Nothing is read: every pixel of a
// plate to compile it would cost as much as the run.
func digestWells(p *Plan, steps []byte) {
	const parallel = 8 // file systems over a network answer slowly, not one at a time
	slots := make(chan struct{}, parallel)
	var running sync.WaitGroup
	for i := range p.Wells {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			well := &p.Wells[i]
			sum, looks := sha256.New(), sha256.New()
			sum.Write(steps)
			for _, image := range well.Images {
				fmt.Fprintf(sum, "%q %d\n", image.Path, image.ImageNumber)
				// A file that is gone has none of this; its well says so when it runs. The
				// second time is the one that nobody can set.
				var st unix.Stat_t
				if unix.Stat(filepath.Join(p.PlateRoot, filepath.FromSlash(image.Path)), &st) != nil {
					st = unix.Stat_t{}
				}
				fmt.Fprintln(looks, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
			}
			well.Digest, well.Looks = hex.EncodeToString(sum.Sum(nil)), hex.EncodeToString(looks.Sum(nil))
		})
	}
	running.Wait()
	sum := sha256.New()
	sum.Write(steps)
	for _, well := range p.Wells {
		fmt.Fprintln(sum, well.Well, well.Digest, well.Looks)
	}
	p.Digest = hex.EncodeToString(sum.Sum(nil))
}
