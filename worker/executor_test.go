package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/ipc/progress"
	"github.com/wellhouse-hcs/wellhouse/worker"
	"github.com/wellhouse-hcs/wellhouse/worker/function"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// synth makes a plate of one well.
func synth(t testing.TB, s plate.Synthesis) *plate.Index {
	t.Helper()
	dir := t.TempDir()
	s.WellNames = []string{"A01"}
	s.Width, s.Height, s.Cells, s.Seed = 160, 128, 12, 7
	if err := plate.Synthesize(dir, s); err != nil {
		t.Fatal(err)
	}
	index, err := plate.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func task(t testing.TB, steps string, index *plate.Index, catalogue *function.Catalogue) pipeline.Task {
	t.Helper()
	def, err := pipeline.Parse("p.yaml", []byte("name: p\nsteps:\n"+steps), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pipeline.Compile(def, index, index.Wells(), pipeline.Configuration{}, catalogue)
	if err != nil {
		t.Fatal(err)
	}
	task, err := plan.Task("A01")
	if err != nil {
		t.Fatal(err)
	}
	task.Execution, task.Directory = "x1", t.TempDir()
	return task
}

// run executes a task and returns the outcome and the well's tables as CSV.
func run(t testing.TB, e worker.Executor, task pipeline.Task) (result.Outcome, map[string]string) {
	t.Helper()
	if e.Catalogue == nil {
		e.Catalogue = function.Builtin()
	}
	outcome := e.Run(t.Context(), task)
	tables := make(map[string]string)
	for _, name := range []string{"sites", "Nuclei"} {
		table, err := result.ReadFragment(task.Directory, name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var csv bytes.Buffer
		if err := table.WriteCSV(&csv); err != nil {
			t.Fatal(err)
		}
		tables[name] = csv.String()
	}
	return outcome, tables
}

const (
	everyChannel = `
  - {name: nuclei, function: segment_nuclei, objects: Nuclei}
  - {name: shape, function: measure_shape, with: {objects: Nuclei}}
  - {name: intensity, function: measure_intensity, with: {objects: Nuclei}}
`
	projected = `
  - {name: project, variable_components: [z_index], function: max_projection}
  - {name: nuclei, where: {channel: "1"}, function: segment_nuclei, objects: Nuclei}
  - {name: shape, where: {channel: "1"}, function: measure_shape, with: {objects: Nuclei}}
  - {name: intensity, function: measure_intensity, with: {objects: Nuclei}}
`
)

func header(csv string) []string {
	line, _, _ := strings.Cut(csv, "\n")
	return strings.Split(line, ",")
}

func TestTablesOfOneChannel(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	outcome, tables := run(t, worker.Executor{}, task(t, everyChannel, index, function.Builtin()))
	if outcome.Reason != enums.ReasonOK {
		t.Fatalf("outcome = %+v", outcome)
	}
	rows := strings.Count(tables["Nuclei"], "\n") - 1
	if rows == 0 || outcome.Counts["Nuclei"] != rows {
		t.Errorf("count %d, rows %d", outcome.Counts["Nuclei"], rows)
	}
	if got, want := strings.Join(header(tables["sites"]), ","), "Metadata_Plate,Metadata_Well,Metadata_Site,ImageNumber,Count_Nuclei"; got != want {
		t.Errorf("sites: %s", got)
	}
	columns := header(tables["Nuclei"])
	want := []string{"Metadata_Plate", "Metadata_Well", "Metadata_Site", "ImageNumber", "ObjectNumber", "Nuclei_Location_Center_X", "Nuclei_Location_Center_Y", "Nuclei_AreaShape_Area"}
	if !slices.Equal(columns[:len(want)], want) {
		t.Errorf("Nuclei: %v", columns)
	}
	if !slices.Contains(columns, "Nuclei_Intensity_MeanIntensity_1") {
		t.Errorf("no mean intensity among %v", columns)
	}
	if len(outcome.Inputs) != len(index.Images) {
		t.Errorf("%d inputs, want %d", len(outcome.Inputs), len(index.Images))
	}
}

func TestTablesOfTwoChannels(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{Channels: 2})
	_, tables := run(t, worker.Executor{}, task(t, everyChannel, index, function.Builtin()))
	if got, want := strings.Join(header(tables["sites"]), ","), "Metadata_Plate,Metadata_Well,Metadata_Site,ImageNumber,Count_Nuclei,Count_Nuclei_1,Count_Nuclei_2"; got != want {
		t.Errorf("sites: %s", got)
	}
	if columns := header(tables["Nuclei"]); columns[5] != "Metadata_Channel" {
		t.Errorf("Nuclei: %v", columns)
	}
}

// The same task gives the same bytes, whatever the number of threads and
// wherever the barriers are.
func TestResultsDoNotDependOnThreads(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{Channels: 3, Planes: 3})
	for name, steps := range map[string]string{"every": everyChannel, "projected": projected} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want map[string]string
			for _, threads := range []int{1, 2, 7} {
				for _, barriers := range []bool{false, true} {
					task := task(t, steps, index, function.Builtin())
					task.Threads = threads
					if barriers { // each step for itself, the whole well at once
						task.Segments = nil
						for i := range task.Steps {
							task.Segments = append(task.Segments, pipeline.Segment{First: i, Last: i, Varies: []string{"site", "z_index", "channel", "timepoint"}})
						}
					}
					outcome, tables := run(t, worker.Executor{}, task)
					if outcome.Reason != enums.ReasonOK {
						t.Fatalf("outcome = %+v", outcome)
					}
					if want == nil {
						want = tables
						continue
					}
					for name, csv := range tables {
						if csv != want[name] {
							t.Errorf("%d threads, barriers %v: table %s differs", threads, barriers, name)
						}
					}
				}
			}
			if !strings.Contains(want["Nuclei"], "Nuclei_Intensity_MeanIntensity_3") {
				t.Errorf("no intensity of channel 3 in %s", strings.Join(header(want["Nuclei"]), ","))
			}
		})
	}
}

func TestUnreadableImage(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	broken := index.Images[2].Path
	file := filepath.Join(index.Root, filepath.FromSlash(broken))
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{1, 4} {
		task := task(t, everyChannel, index, function.Builtin())
		task.Threads = threads
		outcome, tables := run(t, worker.Executor{}, task)
		if outcome.Reason != enums.ReasonInputUnreadable || outcome.File != broken || outcome.Step != "nuclei" {
			t.Errorf("outcome = %+v", outcome)
		}
		if !strings.Contains(outcome.Error, broken) {
			t.Errorf("error %q does not name the file", outcome.Error)
		}
		if len(tables) != 0 {
			t.Errorf("tables were written: %v", tables)
		}
	}
}

// A share that is away is told apart from an image that is broken.
func TestImageOnAShareThatIsAway(t *testing.T) {
	t.Parallel()
	for errno, away := range map[syscall.Errno]bool{syscall.ESTALE: true, syscall.ETIMEDOUT: true, syscall.EIO: false, syscall.ENOENT: false} {
		stale := worker.Executor{Read: func(path string) (*imaging.Plane, error) {
			return nil, &plate.UnreadableError{Path: path, Err: fmt.Errorf("open: %w", errno)}
		}}
		outcome, _ := run(t, stale, task(t, everyChannel, synth(t, plate.Synthesis{}), function.Builtin()))
		if outcome.Reason != enums.ReasonInputUnreadable || strings.Contains(outcome.Error, worker.Away) != away {
			t.Errorf("%s gives %s: %s", errno, outcome.Reason, outcome.Error)
		}
	}
}

// An image that no function asks for is not read, and so cannot fail the well.
func TestUnusedImageIsNotRead(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{Channels: 2})
	var mu sync.Mutex
	var read []string
	e := worker.Executor{Read: func(path string) (*imaging.Plane, error) {
		mu.Lock()
		read = append(read, path)
		mu.Unlock()
		return plate.Read(path)
	}}
	steps := "  - {name: nuclei, where: {channel: 1}, function: segment_nuclei, objects: Nuclei}\n"
	if outcome, _ := run(t, e, task(t, steps, index, function.Builtin())); outcome.Reason != enums.ReasonOK {
		t.Fatalf("outcome = %+v", outcome)
	}
	if got, want := len(read), len(index.Images)/2; got != want {
		t.Errorf("%d images were read, want %d", got, want)
	}
}

func TestEmptyFieldCountsZero(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	var black bytes.Buffer
	if err := plate.WriteTIFF(&black, imaging.NewPlane(128, 160, enums.Uint16)); err != nil {
		t.Fatal(err)
	}
	for _, image := range index.Images {
		if err := os.WriteFile(filepath.Join(index.Root, filepath.FromSlash(image.Path)), black.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	outcome, tables := run(t, worker.Executor{}, task(t, everyChannel, index, function.Builtin()))
	if outcome.Reason != enums.ReasonOK || outcome.Counts["Nuclei"] != 0 {
		t.Errorf("outcome = %+v", outcome)
	}
	lines := strings.Split(strings.TrimSpace(tables["sites"]), "\n")
	if len(lines) != 5 || !strings.HasSuffix(lines[1], ",A01,1,1,0") {
		t.Errorf("sites:\n%s", tables["sites"])
	}
}

func TestKeptImages(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{Planes: 2})
	steps := `
  - {name: project, variable_components: [z_index], function: max_projection, keep: true}
  - {name: nuclei, function: segment_nuclei, objects: Nuclei, keep: true}
`
	task := task(t, steps, index, function.Builtin())
	outcome, _ := run(t, worker.Executor{}, task)
	if outcome.Reason != enums.ReasonOK {
		t.Fatalf("outcome = %+v", outcome)
	}
	for _, name := range []string{"project/A01_s1_w1_t1.tif", "nuclei/A01_s4_w1_t1.tif", "nuclei/A01_s4_w1_t1_Nuclei.tif"} {
		if index.Images[0].Timepoint == "" {
			name = strings.Replace(name, "_t1", "", 1)
		}
		p, err := plate.Read(filepath.Join(task.Directory, "images", filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
		} else if p.Height != 128 || p.Width != 160 {
			t.Errorf("%s is %d×%d", name, p.Height, p.Width)
		}
	}
}

// Whoever stops a worker before any change of the disk stops it before images
// too.
func TestKeptImagesAreChangesOfTheDisk(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	steps := "\n  - {name: blur, function: gaussian, with: {sigma: 1}, keep: true}\n"
	seen := make(map[string]int)
	count := func(operation, path string) error {
		if strings.Contains(path, "/images/blur") {
			seen[operation]++
		}
		return nil
	}
	if outcome, _ := run(t, worker.Executor{Step: count}, task(t, steps, index, function.Builtin())); outcome.Reason != enums.ReasonOK {
		t.Fatalf("outcome = %+v", outcome)
	}
	images := len(index.Images)
	if seen["mkdir"] == 0 || seen["create"] != images || seen["write"] != images {
		t.Errorf("%d images, changes are %v", images, seen)
	}
	for operation := range seen {
		stop := func(at, path string) error {
			if at == operation && strings.Contains(path, "/images/blur") {
				return errors.New("stopped")
			}
			return nil
		}
		outcome, _ := run(t, worker.Executor{Step: stop}, task(t, steps, index, function.Builtin()))
		if outcome.Reason == enums.ReasonOK || !strings.Contains(outcome.Error, "stopped") || outcome.Step != "blur" {
			t.Errorf("stopped before %s: %+v", operation, outcome)
		}
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{Channels: 2, Planes: 2})
	task := task(t, projected, index, function.Builtin())
	task.Threads = 3
	var events []*progress.Event
	outcome, _ := run(t, worker.Executor{Report: func(e *progress.Event) { events = append(events, e) }}, task)
	if outcome.Reason != enums.ReasonOK {
		t.Fatalf("outcome = %+v", outcome)
	}
	percent := 0.0
	started, completed := map[string]int{}, map[string]int{}
	for i, e := range events {
		if err := e.Validate(); err != nil {
			t.Errorf("event %d: %v", i, err)
		}
		if e.Percent < percent {
			t.Errorf("event %d: percent fell from %v to %v", i, percent, e.Percent)
		}
		percent = e.Percent
		switch enums.Phase(e.Phase) {
		case enums.PhaseStepStarted:
			started[e.Step]++
		case enums.PhasePatternGroup:
			if started[e.Step] != 1 || completed[e.Step] != 0 {
				t.Errorf("event %d: group of %s outside of its step", i, e.Step)
			}
		case enums.PhaseStepCompleted:
			completed[e.Step]++
		default: // of the well as a whole
		}
	}
	first, last := events[0], events[len(events)-1]
	if first.Phase != string(enums.PhaseAxisStarted) || last.Phase != string(enums.PhaseAxisCompleted) || last.Percent != 100 {
		t.Errorf("from %v to %v", first, last)
	}
	for _, s := range task.Steps {
		if started[s.Name] != 1 || completed[s.Name] != 1 {
			t.Errorf("step %s started %d times, completed %d times", s.Name, started[s.Name], completed[s.Name])
		}
	}
}

// parameters of functions made for tests.
type none struct{}

func custom(t testing.TB, definitions ...function.Definition) *function.Catalogue {
	t.Helper()
	all := function.Builtin().All()
	for _, d := range definitions {
		d.Version, d.Parameters = 1, none{}
		all = append(all, d)
	}
	catalogue, err := function.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	return catalogue
}

func TestFunctionsAreHeldToTheirContract(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	for name, c := range map[string]struct {
		apply func(c *function.Call) error
		want  string
	}{
		"error":    {func(*function.Call) error { return errors.New("no luck") }, "step s: function bad: no luck"},
		"too few":  {func(c *function.Call) error { c.Stack = nil; return nil }, "step s: function bad: returned 0 planes for 1, want 1"},
		"no plane": {func(c *function.Call) error { c.Stack[0] = nil; return nil }, "returned no valid plane 0"},
		"undeclared": {func(c *function.Call) error {
			c.Rows = append(c.Rows, function.Measurement{Feature: "X"})
			return nil
		}, "returned measurements, which it does not declare"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			catalogue := custom(t, function.Definition{Name: "bad", Kind: function.Planewise, Apply: c.apply})
			outcome, _ := run(t, worker.Executor{Catalogue: catalogue}, task(t, "  - {name: s, function: bad}\n", index, catalogue))
			if outcome.Reason != enums.ReasonFunctionError || outcome.Step != "s" || !strings.Contains(outcome.Error, c.want) {
				t.Errorf("outcome = %+v", outcome)
			}
		})
	}
}

func TestPlaneMeasurementsGoToSites(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{Channels: 2})
	catalogue := custom(t, function.Definition{Name: "brightness", Kind: function.Planewise, Measures: true, Apply: func(c *function.Call) error {
		for i := range c.Stack {
			c.Rows = append(c.Rows, function.Measurement{Plane: i, Feature: "ImageQuality_Planes", Value: 1})
		}
		return nil
	}})
	_, tables := run(t, worker.Executor{Catalogue: catalogue}, task(t, "  - {name: s, function: brightness}\n", index, catalogue))
	if got, want := strings.Join(header(tables["sites"])[4:], ","), "ImageQuality_Planes_1,ImageQuality_Planes_2"; got != want {
		t.Errorf("sites:\n%s", tables["sites"])
	}
}

func TestTwoFunctionsWithOneFeature(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	apply := func(c *function.Call) error {
		for i := range c.Stack {
			c.Rows = append(c.Rows, function.Measurement{Plane: i, Feature: "X", Value: 1})
		}
		return nil
	}
	catalogue := custom(t,
		function.Definition{Name: "one", Kind: function.Planewise, Measures: true, Apply: apply},
		function.Definition{Name: "two", Kind: function.Planewise, Measures: true, Apply: apply})
	outcome, _ := run(t, worker.Executor{Catalogue: catalogue}, task(t, "  - {name: a, function: one}\n  - {name: b, function: two}\n", index, catalogue))
	if outcome.Reason != enums.ReasonFunctionError || !strings.Contains(outcome.Error, "step b: function two: measured X_1, which step a measured already") {
		t.Errorf("outcome = %+v", outcome)
	}
}

func TestCancelBetweenStacks(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	ctx, cancel := context.WithCancelCause(t.Context())
	calls := 0
	catalogue := custom(t, function.Definition{Name: "last", Kind: function.Planewise, Apply: func(*function.Call) error {
		calls++
		cancel(errors.New("enough"))
		return nil
	}})
	e := worker.Executor{Catalogue: catalogue}
	outcome := e.Run(ctx, task(t, "  - {name: s, function: last}\n", index, catalogue))
	if calls != 1 || outcome.Reason != enums.ReasonCancelled || outcome.Error != "step s: enough" {
		t.Errorf("%d calls, outcome = %+v", calls, outcome)
	}
}

// Only the parcels at work are in memory.
func TestPlanesAreFreedEarly(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{Rows: 4, Columns: 4})
	var mu sync.Mutex
	live, peak := 0, 0
	catalogue := custom(t, function.Definition{Name: "look", Kind: function.Planewise, Apply: func(c *function.Call) error {
		mu.Lock()
		defer mu.Unlock()
		live -= len(c.Stack)
		return nil
	}})
	e := worker.Executor{Catalogue: catalogue, Read: func(path string) (*imaging.Plane, error) {
		mu.Lock()
		live++
		peak = max(peak, live)
		mu.Unlock()
		return plate.Read(path)
	}}
	task := task(t, "  - {name: s, function: look}\n", index, catalogue)
	task.Threads = 2
	if outcome, _ := run(t, e, task); outcome.Reason != enums.ReasonOK {
		t.Fatalf("outcome = %+v", outcome)
	}
	if peak > 2 {
		t.Errorf("%d planes were in memory for 2 threads", peak)
	}
}

func TestMissingPlaneOfObjects(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{Channels: 2})
	at := slices.IndexFunc(index.Images, func(i plate.Image) bool { return i.Channel == "1" && i.Site == "3" })
	gone := index.Images[at]
	index.Images = slices.Delete(index.Images, at, at+1)
	index.Missing = append(index.Missing, gone.Coordinates)
	steps := `
  - {name: nuclei, where: {channel: 1}, function: segment_nuclei, objects: Nuclei}
  - {name: m, from: pipeline_start, function: measure_intensity, with: {objects: Nuclei}}
`
	outcome, tables := run(t, worker.Executor{}, task(t, steps, index, function.Builtin()))
	if outcome.Reason != enums.ReasonOK || len(outcome.Warnings) != 2 {
		t.Fatalf("outcome = %+v", outcome)
	}
	if rows := strings.Split(strings.TrimSpace(tables["sites"]), "\n"); len(rows) != 5 || !strings.HasSuffix(rows[3], ",3,3,") {
		t.Errorf("sites:\n%s", tables["sites"])
	}
}

func TestOtherFunctionVersionIsRefused(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	task := task(t, everyChannel, index, function.Builtin())
	task.Steps[0].Branches[0].Calls[0].Version++
	outcome, _ := run(t, worker.Executor{}, task)
	if outcome.Reason != enums.ReasonHandshakeMismatch || !strings.Contains(outcome.Error, "segment_nuclei") {
		t.Errorf("outcome = %+v", outcome)
	}
}

func TestOutcomeOfARunCanBeWritten(t *testing.T) {
	t.Parallel()
	index := synth(t, plate.Synthesis{})
	task := task(t, everyChannel, index, function.Builtin())
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	outcome, _ := run(t, worker.Executor{Now: func() time.Time { now = now.Add(time.Second); return now }}, task)
	if err := result.WriteOutcome(task.Directory, outcome); err != nil {
		t.Fatal(err)
	}
	back, err := result.ReadOutcome(task.Directory)
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Files) != 2 || back.Counts["Nuclei"] == 0 || !back.Ended.After(back.Started) {
		t.Errorf("outcome = %+v", back)
	}
	if fmt.Sprint(back.Inputs) != fmt.Sprint(outcome.Inputs) {
		t.Error("inputs differ")
	}
}
