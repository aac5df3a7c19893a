package pipeline

import (
	"path/filepath"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// pixelBytes is what a pixel of a plane (float32) or a label map (int32) takes.
const pixelBytes = 4

// What a function is taken to need beside its stack, in planes. The figures are
// measured ones, rounded up.
const (
	filterPlanes  = 2 // scratch space, or the result of a reduction
	segmentPlanes = 7 // distances, masks and queues of a segmentation, one plane at a time
)

// planeSizes returns the bytes of one plane per channel, from the header of the
// first readable of a few images, and under "" the largest. An image that
// cannot be read is no reason to stop here.
func planeSizes(index *plate.Index) map[string]int64 {
	const attempts = 3
	sizes := map[string]int64{"": 0}
	tried := make(map[string]int)
	for i := range index.Images {
		image := &index.Images[i]
		if _, known := sizes[image.Channel]; known && image.Channel != "" || tried[image.Channel] == attempts {
			continue
		}
		tried[image.Channel]++
		header, err := plate.ReadHeader(filepath.Join(index.Root, filepath.FromSlash(image.Path)))
		if err != nil {
			continue
		}
		bytes := int64(header.Height) * int64(header.Width) * pixelBytes
		sizes[image.Channel] = max(sizes[image.Channel], bytes)
		sizes[""] = max(sizes[""], bytes)
	}
	return sizes
}

// memory estimates the pixels and label maps that a layout keeps at its worst
// moment, and how much of that is one parcel's.
func (c *compiler) memory(l *layout, sizes map[string]int64) (peak, parcel int64) {
	size := func(p plate.Coordinates) int64 {
		if s := sizes[p.Channel]; s > 0 {
			return s
		}
		return sizes[""]
	}
	loaded := make(map[plate.Coordinates]bool) // the planes in memory, of those at the last barrier
	var planes int64                           // their bytes
	labels := make(map[string]int64)           // bytes of label maps kept, by name of objects
	for n, segment := range c.plan.Segments {
		from := c.plan.Steps[segment.First].From
		in := l.input(segment.First, from)
		if from == PipelineStart {
			loaded, planes = make(map[plate.Coordinates]bool), 0
		}
		base := planes
		for name, bytes := range labels {
			if !c.takenFrom(name, segment.First) {
				delete(labels, name)
				continue
			}
			base += bytes
		}
		kept := n+1 < len(c.plan.Segments) && c.plan.Steps[segment.Last+1].From != PipelineStart
		next := make(map[plate.Coordinates]bool)
		planes = 0
		made := make(map[string]int64)
		for _, group := range segment.Parcels(in) {
			inside := pick(in, group.Planes)
			worst, here, after := c.parcel(segment, inside, loaded, size)
			parcel = max(parcel, worst)
			peak = max(peak, base+worst)
			for name, bytes := range after {
				made[name] += bytes
				base += bytes
			}
			if kept {
				for p := range here {
					next[p] = true
					planes += size(p)
					base += size(p)
				}
			}
		}
		for name, bytes := range made {
			labels[name] += bytes
		}
		loaded = next
	}
	return peak, parcel
}

// parcel walks one parcel through a segment. It returns its worst moment, the
// planes in memory after it, and the label maps that are needed later.
func (c *compiler) parcel(segment Segment, planes []plate.Coordinates, loaded map[plate.Coordinates]bool, size func(plate.Coordinates) int64) (worst int64, here map[plate.Coordinates]bool, later map[string]int64) {
	here = make(map[plate.Coordinates]bool)
	for _, p := range planes {
		if loaded[p] {
			here[p] = true
		}
	}
	later = make(map[string]int64)
	var labels int64
	for i := segment.First; i <= segment.Last; i++ {
		step := &c.plan.Steps[i]
		stacks, after := step.advance(planes)
		for _, g := range stacks {
			var stack int64
			for _, p := range pick(planes, g.Planes) {
				stack += size(p)
				here[p] = true
			}
			if step.Objects != "" {
				labels += stack
				if c.takenFrom(step.Objects, segment.Last+1) {
					later[step.Objects] += stack
				}
			}
			live := labels + working(step, g, stack)
			for p := range here {
				live += size(p)
			}
			worst = max(worst, live)
			if step.Branches[g.Branch].Reduces() {
				for _, p := range pick(planes, g.Planes) {
					delete(here, p)
				}
				here[g.Key] = true
			}
		}
		planes = after
	}
	return worst, here, later
}

// working estimates what the functions of a branch need beside the stack.
func working(step *Step, g Group, stack int64) int64 {
	plane := stack / int64(len(g.Planes))
	need := filterPlanes * plane
	if !step.Branches[g.Branch].Reduces() {
		need += stack // the result beside what it is made from
	}
	for _, call := range step.Branches[g.Branch].Calls {
		if call.Gives {
			need = max(need, segmentPlanes*plane)
		}
	}
	return need
}

// takenFrom reports whether a step from first on takes the objects.
func (c *compiler) takenFrom(name string, first int) bool {
	for i := first; i < len(c.plan.Steps); i++ {
		for _, b := range c.plan.Steps[i].Branches {
			for _, call := range b.Calls {
				if call.Objects == name {
					return true
				}
			}
		}
	}
	return false
}

// number gives every image the number of its image set: same well, time point,
// site and, where rows are per z plane, z plane, from 1 in natural order over
// the whole plate.
func number(images []plate.Image, perPlane bool) {
	last, n := plate.Coordinates{}, 0
	for i := range images {
		set := imageSet(images[i].Coordinates, perPlane)
		if i == 0 || set != last {
			n++
		}
		last = set
		images[i].ImageNumber = n
	}
}

func imageSet(c plate.Coordinates, perPlane bool) plate.Coordinates {
	c = c.Without(enums.Channel)
	if !perPlane {
		c = c.Without(enums.ZIndex)
	}
	return c
}
