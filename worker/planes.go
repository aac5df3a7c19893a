package worker

import (
	"slices"

	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// plane is one image on its way through the steps. Its pixels are read when a
// function asks for them.
type plane struct {
	at     plate.Coordinates
	path   string         // below the plate's root; "" for a computed plane
	pixels *imaging.Plane // nil until read
}

// startPlanes are a task's images, unread.
func startPlanes(task *pipeline.Task) []*plane {
	planes := make([]*plane, len(task.Images))
	for i, image := range task.Images {
		planes[i] = &plane{at: image.Coordinates, path: image.Path}
	}
	sortPlanes(planes)
	return planes
}

// sortPlanes gives planes the natural order, in which they are stacked.
func sortPlanes(planes []*plane) {
	slices.SortStableFunc(planes, func(a, b *plane) int { return a.at.Compare(b.at) })
}

func coordinates(planes []*plane) []plate.Coordinates {
	list := make([]plate.Coordinates, len(planes))
	for i, p := range planes {
		list[i] = p.at
	}
	return list
}

func pick(planes []*plane, indices []int) []*plane {
	picked := make([]*plane, len(indices))
	for i, p := range indices {
		picked[i] = planes[p]
	}
	return picked
}
