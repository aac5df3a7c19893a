package pipeline_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/registry"
	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// grid is a plate that exists on paper: its files are never opened.
func grid(wells, sites, channels, planes []string, drop ...string) *plate.Index {
	x := &plate.Index{Root: "/nowhere", Name: "paper", Format: "Test", ChannelNames: map[string]string{"1": "DAPI", "2": "GFP"}}
	for _, w := range wells {
		for _, s := range sites {
			for _, c := range channels {
				for _, z := range planes {
					at := plate.Coordinates{Well: w, Site: s, Channel: c, ZIndex: z}
					path := fmt.Sprintf("%s_s%s_w%s_z%s.tif", w, s, c, z)
					if slices.Contains(drop, path) {
						x.Missing = append(x.Missing, at)
						continue
					}
					x.Images = append(x.Images, plate.Image{Coordinates: at, Path: path})
				}
			}
		}
	}
	return x
}

func list(s ...string) []string { return s }

func parse(t testing.TB, steps string) *pipeline.Definition {
	t.Helper()
	def, err := pipeline.Parse("p.yaml", []byte("name: p\nsteps:\n"+steps), function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func compile(t testing.TB, steps string, index *plate.Index) (*pipeline.Plan, error) {
	t.Helper()
	return pipeline.Compile(parse(t, steps), index, index.Wells(), pipeline.Configuration{}, function.Builtin())
}

func mustCompile(t testing.TB, steps string, index *plate.Index) *pipeline.Plan {
	t.Helper()
	plan, err := compile(t, steps, index)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

const (
	nuclei = `
  - {name: nuclei, where: {channel: "1"}, function: segment_nuclei, objects: Nuclei}
`
	project = `
  - {name: project, variable_components: [z_index], function: max_projection}
`
)

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	flat := grid(list("A01", "A02"), list("1", "2"), list("1", "2"), list(""))
	deep := grid(list("A01"), list("1", "2"), list("1", "2"), list("1", "2", "3"))
	for name, c := range map[string]struct {
		index       *plate.Index
		steps, want string
	}{
		"where value":     {flat, "  - {name: a, where: {channel: \"3\"}, function: gaussian}\n", `p.yaml:3:32: where: plate paper has no such channel: unknown channel "3"`},
		"where component": {flat, "  - {name: a, where: {z_index: 1}, function: gaussian}\n", `where: the images of plate paper have no z_index`},
		"each value":      {flat, "  - {name: a, each: {\"7\": {function: gaussian}}}\n", `p.yaml:3:22: each: plate paper has no such channel`},
		"each twice":      {flat, "  - {name: a, each: {\"1\": {function: gaussian}, DAPI: {function: gaussian}}}\n", "each: channel 1 has two entries"},
		"each and where":  {flat, "  - {name: a, where: {channel: 2}, each: {\"1\": {function: gaussian}}}\n", "each: where leaves channel 1 out"},
		"z gone":          {deep, project + "  - {name: b, variable_components: [z_index], function: max_projection}\n", "p.yaml:5:37: variable_components: z_index is gone in step b: step project reduced it"},
		"where gone":      {deep, project + "  - {name: b, where: {z_index: 2}, function: gaussian}\n", "where: z_index is gone in step b: step project reduced it"},
		"group gone": {deep, "  - {name: mix, variable_components: [channel], function: composite}\n  - {name: b, group_by: channel, function: gaussian}\n",
			"group_by: channel is gone in step b: step mix reduced it"},
		"each gone": {deep, "  - {name: mix, variable_components: [channel], function: composite}\n  - {name: b, each: {\"1\": {function: gaussian}}}\n",
			"each: channel is gone in step b: step mix reduced it"},
		"objects of planes": {deep, project + nuclei + "  - {name: m, from: pipeline_start, function: measure_intensity, with: {objects: Nuclei}}\n",
			"step m takes Nuclei in site 1, channel 1, z 1, but step nuclei makes them after z_index was reduced"},
		"objects before projection": {deep, nuclei + project + "  - {name: m, function: measure_intensity, with: {objects: Nuclei}}\n",
			"step nuclei makes them for each z_index, which is reduced here"},
		"objects elsewhere": {grid(list("A01"), list("1"), list("1", "2", "3"), list("")),
			"  - {name: nuclei, where: {channel: [1, 2]}, function: segment_nuclei, objects: Nuclei}\n  - {name: m, function: measure_intensity, with: {objects: Nuclei}}\n",
			"step nuclei makes them in channels 1, 2; limit this step with where: {channel: [1, 2]}"},
		"measured twice": {flat, nuclei + "  - {name: m, function: measure_intensity, with: {objects: Nuclei}}\n  - {name: n, function: measure_intensity, with: {objects: Nuclei}}\n",
			"step n: measure_intensity of Nuclei was measured by step m already in site 1, channel 1"},
		"count columns": {flat, "  - {name: a, function: segment_nuclei, objects: A}\n  - {name: b, function: segment_nuclei, objects: A_1}\n",
			"objects: the name A_1 is also that of A in channel 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compile(t, c.steps, c.index)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
		})
	}
}

func TestCompileRefusesWells(t *testing.T) {
	t.Parallel()
	index := grid(list("A01", "B02"), list("1"), list("1"), list(""))
	def := parse(t, nuclei)
	for _, c := range []struct {
		wells []string
		want  string
	}{
		{nil, "no well is chosen"},
		{list("A02"), `unknown well "A02": did you mean "A01"? (valid: A01, B02)`},
		{list("A01", "A01"), "well A01 is chosen twice"},
	} {
		_, err := pipeline.Compile(def, index, c.wells, pipeline.Configuration{}, function.Builtin())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("wells %v: got %v, want %s", c.wells, err, c.want)
		}
	}
	_, err := pipeline.Compile(def, &plate.Index{Name: "bare"}, list("A01"), pipeline.Configuration{}, function.Builtin())
	if err == nil || !strings.Contains(err.Error(), "plate bare has no images") {
		t.Errorf("got %v", err)
	}
}

func TestCompileFindsPlateValues(t *testing.T) {
	t.Parallel()
	index := grid(list("A01"), list("01", "02"), list("1", "2"), list(""))
	plan := mustCompile(t, "  - {name: a, where: {channel: [GFP, 01], site: 2}, function: gaussian}\n", index)
	want := []pipeline.Values{{Component: "channel", Values: list("2", "1")}, {Component: "site", Values: list("02")}}
	if !reflect.DeepEqual(plan.Steps[0].Where, want) {
		t.Errorf("where = %+v, want %+v", plan.Steps[0].Where, want)
	}
}

func TestCompileSegments(t *testing.T) {
	t.Parallel()
	flat := grid(list("A01"), list("1", "2"), list("1", "2"), list(""))
	deep := grid(list("A01"), list("1", "2"), list("1", "2"), list("1", "2", "3"))
	measure := "  - {name: m, function: measure_intensity, with: {objects: Nuclei}}\n"
	for name, c := range map[string]struct {
		index *plate.Index
		steps string
		want  string
	}{
		"plane by plane":    {flat, "  - {name: a, function: gaussian}\n" + "  - {name: b, function: median}\n", "steps 1 to 2, plane by plane"},
		"stack joins":       {flat, "  - {name: a, function: gaussian}\n  - {name: b, function: stack_percentile_normalize}\n", "steps 1 to 2, parcels over site"},
		"projection":        {deep, "  - {name: a, function: gaussian}\n" + project + nuclei, "steps 1 to 3, parcels over z_index"},
		"after projection":  {deep, project + "  - {name: b, function: stack_percentile_normalize}\n", "step 1, parcels over z_index | step 2, parcels over site"},
		"other channel":     {flat, nuclei + measure, "steps 1 to 2, parcels over channel"},
		"projected channel": {deep, project + nuclei + measure, "steps 1 to 2, parcels over z_index | step 3, parcels over channel"},
		"from the start":    {flat, nuclei + "  - {name: m, from: pipeline_start, function: measure_intensity, with: {objects: Nuclei}}\n", "step 1, plane by plane | step 2, plane by plane"},
		"own channel":       {flat, "  - {name: nuclei, function: segment_nuclei, objects: Nuclei}\n" + measure, "steps 1 to 2, plane by plane"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := mustCompile(t, c.steps, c.index)
			parts := make([]string, len(plan.Segments))
			for i, s := range plan.Segments {
				parts[i] = s.String()
				if (i > 0) != (s.Why != "") {
					t.Errorf("segment %d: why = %q", i, s.Why)
				}
			}
			if got := strings.Join(parts, " | "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestCompileMissingImageIsAWarning(t *testing.T) {
	t.Parallel()
	index := grid(list("A01", "A02", "A03"), list("1", "2"), list("1", "2"), list(""), "A02_s2_w1_z.tif", "A03_s1_w1_z.tif", "A03_s2_w1_z.tif")
	plan := mustCompile(t, nuclei+"  - {name: m, function: measure_intensity, with: {objects: Nuclei}}\n", index)
	if len(plan.Wells[0].Warnings) != 0 {
		t.Errorf("A01: %q", plan.Wells[0].Warnings)
	}
	want := list("missing image: site 2, channel 1",
		"step m: there are no Nuclei for site 2, channel 2, because an image they are made from is missing")
	if !slices.Equal(plan.Wells[1].Warnings, want) {
		t.Errorf("A02: %q", plan.Wells[1].Warnings)
	}
	if !slices.Contains(plan.Wells[2].Warnings, "step nuclei: this well has no image for it") {
		t.Errorf("A03: %q", plan.Wells[2].Warnings)
	}
}

func TestCompileTables(t *testing.T) {
	t.Parallel()
	deep := grid(list("A01", "A02"), list("1", "2"), list("1", "2"), list("1", "2"))
	every := mustCompile(t, "  - {name: nuclei, function: segment_nuclei, objects: Nuclei}\n", deep)
	if want := (pipeline.Tables{Z: true, Objects: []pipeline.Objects{{Name: "Nuclei", Channels: list("1", "2")}}}); !reflect.DeepEqual(every.Tables, want) {
		t.Errorf("tables = %+v, want %+v", every.Tables, want)
	}
	// z planes are image sets of their own while rows are per plane …
	if got := every.Wells[1].Images[0].ImageNumber; got != 5 {
		t.Errorf("first image of A02 is in set %d, want 5", got)
	}
	// … and one set once they are projected.
	projected := mustCompile(t, project+nuclei, deep)
	if projected.Tables.Z {
		t.Error("rows are per z plane after a projection")
	}
	for i, want := range []int{1, 1, 1, 1, 2, 2, 2, 2} {
		if got := projected.Wells[0].Images[i].ImageNumber; got != want {
			t.Errorf("image %d is in set %d, want %d", i, got, want)
		}
	}
	// One well alone has the numbers it has among all.
	alone, err := pipeline.Compile(parse(t, project+nuclei), deep, list("A02"), pipeline.Configuration{}, function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if got := alone.Wells[0].Images[0].ImageNumber; got != 3 {
		t.Errorf("A02 alone starts with set %d, want 3", got)
	}
	if a, b := alone.Wells[0], projected.Wells[1]; a.Digest != b.Digest || a.Looks != b.Looks {
		t.Error("the digest of A02 depends on which wells are chosen")
	}
}

func TestCompileIsDeterministic(t *testing.T) {
	t.Parallel()
	index := grid(list("A01", "A02"), list("1", "2"), list("1", "2"), list("1", "2"))
	steps := project + nuclei
	a, b := mustCompile(t, steps, index), mustCompile(t, steps, index)
	if !reflect.DeepEqual(a.Wells, b.Wells) || a.Digest != b.Digest {
		t.Error("the same input gives different plans")
	}
	c := mustCompile(t, strings.Replace(steps, "segment_nuclei", "segment_nuclei, with: {sigma: 2}", 1), index)
	if c.Digest == a.Digest || c.Wells[0].Digest == a.Wells[0].Digest {
		t.Error("another parameter gives the same digest")
	}
	twice := grid(list("A01", "A02"), list("1", "2"), list("1", "2"), list("1", "2"))
	twice.Images = append(twice.Images, plate.Image{Coordinates: twice.Images[0].Coordinates, Path: "copy.tif"})
	if d := mustCompile(t, steps, twice); d.Digest != a.Digest || len(d.Warnings) != 1 {
		t.Errorf("a second file for one place: warnings %q", d.Warnings)
	}
}

func TestCompileConfiguration(t *testing.T) {
	t.Parallel()
	text := "name: p\nconfig: {keep: true, threads: 3}\nsteps:\n  - {name: a, function: gaussian}\n  - {name: b, function: gaussian, keep: false}\n"
	def, err := pipeline.Parse("p.yaml", []byte(text), function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	index := grid(list("A01"), list("1"), list("1"), list(""))
	layer := func(key string, value any) []config.Layer {
		return []config.Layer{{Scope: config.ScopeGlobal, Origin: "test", Set: map[string]any{key: value}}}
	}
	plan, err := pipeline.Compile(def, index, list("A01"), pipeline.Configuration{Base: layer("threads", 9)}, function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Steps[0].Keep || plan.Steps[1].Keep || plan.Settings.Pipeline().Threads != 3 {
		t.Errorf("keep = %v, %v; threads = %d", plan.Steps[0].Keep, plan.Steps[1].Keep, plan.Settings.Pipeline().Threads)
	}
	plan, err = pipeline.Compile(def, index, list("A01"), pipeline.Configuration{Overrides: layer("keep", true)}, function.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Steps[1].Keep {
		t.Error("the command line does not win over a step")
	}
}

func TestCompileWarnsOfAProjectionOverSites(t *testing.T) {
	t.Parallel()
	plan := mustCompile(t, "  - {name: a, function: max_projection}\n", grid(list("A01"), list("1", "2"), list("1"), list("1", "2")))
	if len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "variable_components: [z_index]") {
		t.Errorf("warnings = %q", plan.Warnings)
	}
}

func TestTaskTravels(t *testing.T) {
	t.Parallel()
	index := grid(list("A01"), list("1", "2"), list("1", "2"), list("1", "2"))
	plan := mustCompile(t, project+nuclei+"  - {name: m, function: measure_intensity, with: {objects: Nuclei}}\n", index)
	task, err := plan.Task("A01")
	if err != nil {
		t.Fatal(err)
	}
	r := registry.New()
	if err := function.Builtin().Register(r); err != nil {
		t.Fatal(err)
	}
	if err := pipeline.Register(r); err != nil {
		t.Fatal(err)
	}
	text, err := r.Encode(task)
	if err != nil {
		t.Fatal(err)
	}
	back, err := registry.DecodeAs[pipeline.Task](r, text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(task, back) {
		t.Errorf("got\n%+v\nwant\n%+v", back, task)
	}
	if got, want := task.StackCounts(), []int{4, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("stacks per step = %v, want %v", got, want)
	}
	if _, err := plan.Task("A02"); err == nil || !strings.Contains(err.Error(), `unknown well "A02"`) {
		t.Errorf("task of an unknown well: %v", err)
	}
}

// The estimate follows what is in memory at once: a plane, its label map and
// the space of a segmentation here, whatever the number of sites.
func TestEstimateFollowsTheLargestParcel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := plate.Synthesize(dir, plate.Synthesis{WellNames: list("A01"), Channels: 2, Width: 64, Height: 32, Cells: 2, Rows: 3, Columns: 3}); err != nil {
		t.Fatal(err)
	}
	index, err := plate.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	const one = 64 * 32 * 4
	for steps, want := range map[string]int64{
		nuclei: one + one + 7*one,
		"  - {name: a, function: stack_percentile_normalize}\n": 9*one + 9*one + 2*one,
		"  - {name: a, function: max_projection}\n":             9*one + 2*one,
		// Label maps of all sites wait for the second segment.
		nuclei + "  - {name: m, from: pipeline_start, function: measure_intensity, with: {objects: Nuclei}}\n": 8*one + one + one + 7*one,
	} {
		plan := mustCompile(t, steps, index)
		if got := plan.Wells[0].PeakBytes; got != want {
			t.Errorf("%s: %d planes, want %d", steps, got/one, want/one)
		}
	}
}
