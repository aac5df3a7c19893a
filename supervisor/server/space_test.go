package server

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// spacePlan compiles steps for a plate of two wells with two channels of two
// planes each, and tells how many sites a well has and the bytes of an image.
func spacePlan(t *testing.T, steps string) (p *pipeline.Plan, sites, image int64) {
	t.Helper()
	dir := t.TempDir()
	made := plate.Synthesis{WellNames: []string{"A01", "B02"}, Width: 64, Height: 48, Cells: 2, Channels: 2, Planes: 2, Seed: 3}
	if err := plate.Synthesize(dir, made); err != nil {
		t.Fatal(err)
	}
	index, err := plate.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	header, err := plate.ReadHeader(filepath.Join(index.Root, filepath.FromSlash(index.Images[0].Path)))
	if err != nil {
		t.Fatal(err)
	}
	def, err := pipeline.Parse("p.yaml", []byte("name: p\nsteps:\n"+steps), function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	p, err = pipeline.Compile(def, index, index.Wells(), pipeline.Configuration{}, function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return p, int64(len(p.Wells[0].Images) / 4), 64 * 48 * sampleBytes(header.Type)
}

func TestRoomNeededCountsKeptPlanes(t *testing.T) {
	t.Parallel()
	const project = "  - {name: project, variable_components: [z_index], function: max_projection"
	for _, c := range []struct {
		name, steps string
		planes      int64 // kept per site
	}{
		{"nothing", project + "}\n", 0},
		{"projections", project + ", keep: true}\n", 2},
		{"after a projection", project + "}\n  - {name: rank, function: median, with: {radius: 1}, keep: true}\n", 2},
		{"one channel", project + ", where: {channel: \"1\"}, keep: true}\n", 1},
		{"every plane", "  - {name: rank, function: median, with: {radius: 1}, keep: true}\n", 4},
		{"from the start again", project + ", keep: true}\n  - {name: rank, from: pipeline_start, function: median, with: {radius: 1}, keep: true}\n", 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, sites, image := spacePlan(t, c.steps)
			if got, want := roomNeeded(p, filepath.Join(t.TempDir(), "out")), 2*(wellRoom+c.planes*sites*image); got != want || sites == 0 {
				t.Errorf("%d bytes, want %d", got, want)
			}
		})
	}
}

// The rest of a plate needs room for the rest.
func TestRoomNeededLeavesOutWhatIsThere(t *testing.T) {
	t.Parallel()
	p, _, _ := spacePlan(t, "  - {name: rank, function: median, with: {radius: 1}, keep: true}\n")
	out := filepath.Join(t.TempDir(), "out")
	all := roomNeeded(p, out)
	if err := os.MkdirAll(filepath.Join(out, ".wellhouse", "wells", "A01", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if !result.Holds(out, "A01") || result.Holds(out, "B02") {
		t.Fatal("the folder's results are not seen")
	}
	if got := roomNeeded(p, out); got*2 != all {
		t.Errorf("%d bytes for half the wells, %d for all", got, all)
	}
}
