package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wellhouse-hcs/wellhouse/registry/config"
	"github.com/wellhouse-hcs/wellhouse/supervisor/engine"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// Compile checks everything about every well, and only then locks the results
// folder. It writes nothing when anything is wrong.
func (e *edge) Compile(ctx context.Context, x engine.Execution) (engine.Compilation, error) {
	j, err := e.compiled(ctx, x)
	if err != nil {
		return engine.Compilation{}, blame(err)
	}
	if j.submission.Artifact != "" && !begun(x) && !x.Opened {
		if err := e.matchArtifact(ctx, x, j.submission.Artifact, j.plan.Digest); err != nil {
			return engine.Compilation{}, fmt.Errorf("%w: %w", engine.ErrInvalidInput, err)
		}
	}
	if x.CompileOnly {
		if err := result.Check(j.submission.Out(), result.WithPlate(j.plan.Plate), result.WithRoot(j.plan.PlateRoot),
			result.WithSpace(roomNeeded(j.plan, j.submission.Out()))); err != nil {
			return engine.Compilation{}, blame(err)
		}
		return e.announced(x, j, nil)
	}
	folder, err := e.folder(x)
	if err != nil {
		return engine.Compilation{}, blame(err)
	}
	return e.announced(x, j, folder)
}

func (e *edge) announced(x engine.Execution, j *job, folder *result.Folder) (engine.Compilation, error) {
	e.board.announce(x.ID, wellNames(j.plan), j.plan.StepNames)
	e.sample() // its wells may start all at once, after hours without any
	return e.compilation(x, j, folder)
}

// compilation tells the engine what the plan says, and which wells are done
// already.
func (e *edge) compilation(x engine.Execution, j *job, folder *result.Folder) (engine.Compilation, error) {
	settings := j.plan.Settings
	c := engine.Compilation{
		Workers: x.Workers, Retries: settings.Pipeline().Retries, Memory: int64(settings.Pipeline().Memory),
	}
	var err error
	if c.Plan, err = json.Marshal(j.known()); err != nil {
		return c, fmt.Errorf("encode what is to be on record of a plan: %w", err)
	}
	if c.Workers == 0 {
		c.Workers = settings.Global().Workers
	}
	if x.Retries >= 0 {
		c.Retries = x.Retries
	}
	threads := settings.Pipeline().Threads
	if threads == 0 {
		threads = max(1, runtime.NumCPU()/max(1, min(e.workers, len(j.plan.Wells))))
	}
	kept := e.reusable(j, folder)
	for i := range j.plan.Wells {
		w := &j.plan.Wells[i]
		compiled := engine.CompiledWell{
			Name: w.Well, Cost: float64(len(w.Images)), Origin: e.origin(w), Warnings: firstWarnings(w.Warnings),
			Estimate: workerOverhead + w.PeakBytes + int64(threads-1)*w.ParcelBytes,
		}
		if outcome, ok := kept[w.Well]; ok {
			compiled.Reused, compiled.Counts = true, outcome.Counts
		}
		c.Wells = append(c.Wells, compiled)
	}
	return c, nil
}

// workerOverhead is what a worker takes beside its pixels, in bytes.
const workerOverhead = 32 << 20

// reusable finds the wells whose results of an earlier run are still right.
func (e *edge) reusable(j *job, folder *result.Folder) map[string]result.Outcome {
	kept := map[string]result.Outcome{}
	if folder == nil || j.submission.Fresh {
		return kept
	}
	done := j.busy.with("images are being compared with those of the earlier run", e.now())
	defer done()
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(8) // file systems over a network answer slowly, not one at a time
	for i := range j.plan.Wells {
		w := &j.plan.Wells[i]
		group.Go(func() error {
			if j.over() {
				return nil
			}
			if outcome, ok := folder.Reusable(w.Well, result.Origin(e.origin(w)), j.plan.PlateRoot); ok {
				mu.Lock()
				defer mu.Unlock()
				kept[w.Well] = outcome
			}
			return nil
		})
	}
	_ = group.Wait() // nothing of it fails
	return kept
}

// origin stands for everything a well's result depends on: its images, the steps
// with their function versions, and what every name means.
func (e *edge) origin(w *pipeline.WellPlan) engine.Origin {
	return engine.Origin{Made: w.Digest + "+" + e.names.Fingerprint(), Looks: w.Looks}
}

func wellNames(p *pipeline.Plan) []string {
	names := make([]string, len(p.Wells))
	for i := range p.Wells {
		names[i] = p.Wells[i].Well
	}
	return names
}

// compilePlan reads the plate and compiles the pipeline for the chosen wells.
func (e *edge) compilePlan(_ context.Context, s Submission) (*pipeline.Plan, error) {
	if err := e.allow.both(s); err != nil {
		return nil, err
	}
	if looksLikePython(s.Pipeline) {
		return nil, errors.New("the pipeline is Python source: this server runs pipeline files (YAML) and never executes " +
			"what it receives; write the pipeline as steps of functions, see `supervisor functions` and examples/nuclei.yaml")
	}
	name := s.PipelineName
	if name == "" {
		name = "pipeline"
	}
	def, err := pipeline.Parse(name, []byte(s.Pipeline), e.catalogue)
	if err != nil {
		return nil, err
	}
	base, overrides, err := e.layers(s)
	if err != nil {
		return nil, err
	}
	if err := e.allow.below(s.PlatePath); err != nil {
		return nil, err
	}
	index, err := plate.Open(s.PlatePath)
	if err != nil {
		return nil, err
	}
	wells, err := plate.Filter(index.Wells(), s.WellFilter)
	if err != nil {
		return nil, fmt.Errorf("choose wells: %w", err)
	}
	if len(wells) == 0 {
		return nil, fmt.Errorf("well filter %q leaves no well of %s", s.WellFilter, index.Name)
	}
	plan, err := pipeline.Compile(def, index, wells, pipeline.Configuration{Base: base, Overrides: overrides}, e.catalogue)
	return plan, err
}

// layers are the configuration around the pipeline file's own: files below it,
// single settings above.
func (e *edge) layers(s Submission) (base, overrides []config.Layer, err error) {
	base = append(base, e.global...)
	for _, file := range []struct{ name, text string }{{"config", s.Config}, {"pipeline_config", s.PipelineConfig}} {
		if strings.TrimSpace(file.text) == "" {
			continue
		}
		layer, err := config.Parse(file.name, []byte(file.text))
		if err != nil {
			return nil, nil, err
		}
		base = append(base, layer)
	}
	if len(s.Settings) > 0 {
		overrides = append(overrides, config.Layer{Scope: config.ScopeGlobal, Origin: "--set", Set: s.Settings})
	}
	return base, overrides, nil
}

// blame marks an error as the submitter's to mend. What it is beside that (want of
// room, a plate that is away) it stays.
func blame(err error) error {
	if text := err.Error(); len(text) > longestBlame {
		short := errors.New(firstLines(text, longestBlame))
		for _, waits := range []error{engine.ErrDiskFull, engine.ErrPlateAway} {
			if errors.Is(err, waits) {
				short = marked{short, waits}
			}
		}
		err = short
	}
	return fmt.Errorf("%w: %w", engine.ErrInvalidInput, err)
}
