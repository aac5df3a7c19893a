package bench

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// empty is a pipeline that does nothing to an image.
const empty = `name: empty
steps:
  - name: nothing
    function: fault_sleep
    with: {duration: 0}
`

// nuclei is the example's assay.
const nuclei = `name: nuclei
steps:
  - name: nuclei
    function: segment_nuclei
    objects: Nuclei
  - name: shape
    function: measure_shape
    with: {objects: Nuclei}
  - name: intensity
    function: measure_intensity
    with: {objects: Nuclei}
`

// pool is what scripts/bench/skimage_nuclei.py prints.
type pool struct {
	WellsPerSecond float64 `json:"wells_per_second"`
	Seconds        float64 `json:"seconds"`
	CPUSeconds     float64 `json:"cpu_seconds"`
	PeakMedian     float64 `json:"peak_rss_bytes_median"`
	Nuclei         int     `json:"nuclei"`
}

// python runs the baseline; ok is false when this machine has none.
func python(b *testing.B, args ...string) (p pool, ok bool) {
	b.Helper()
	const interpreter = "/usr/bin/python3"
	if exec.Command(interpreter, "-c", "import numpy, skimage, tifffile").Run() != nil {
		b.Log("no baseline: python3 with numpy, scikit-image and tifffile is not here")
		return p, false
	}
	script, err := filepath.Abs("../../scripts/bench/skimage_nuclei.py")
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(interpreter, append([]string{script}, args...)...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		b.Fatalf("baseline: %v", err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		b.Fatalf("baseline: %v in %q", err, text)
	}
	return p, true
}

// job is what joblog.tsv tells of a run's wells.
type job struct {
	wells int
	cpu   float64 // seconds, sum
	peak  float64 // bytes, median
}

func readJobs(b *testing.B, path string) job {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	rows, err := r.ReadAll()
	if err != nil {
		b.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	number := func(row []string, name string) float64 {
		v, err := strconv.ParseFloat(row[column[name]], 64)
		if err != nil {
			b.Fatalf("%s: %v", name, err)
		}
		return v
	}
	j := job{wells: len(rows) - 1}
	var peaks []float64
	for _, row := range rows[1:] {
		j.cpu += number(row, "CPU")
		peaks = append(peaks, number(row, "PeakMemory"))
	}
	j.peak = median(peaks)
	return j
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := append([]float64(nil), all...)
	for i := range sorted {
		for k := i; k > 0 && sorted[k] < sorted[k-1]; k-- {
			sorted[k], sorted[k-1] = sorted[k-1], sorted[k]
		}
	}
	return sorted[len(sorted)/2]
}

// BenchmarkEmptyWells: wells that do nothing, through a running server, against
// Python's pool with a process per task.
func BenchmarkEmptyWells(b *testing.B) {
	const wells, baselineWells = 384, 60
	w := harness.New(b)
	w.Setenv("WELLHOUSE_FAULTS", "1")
	dir := w.Synthesize(plate.Synthesis{Wells: wells, Rows: 1, Columns: 1, Width: 16, Height: 16, Cells: 1})
	pipeline := w.Pipeline(empty)
	w.Serve()
	var ours, cpu []float64
	var theirs []float64
	var theirCPU []float64
	for i := 0; b.Loop(); i++ {
		out := w.Path(fmt.Sprint("out", i))
		began := time.Now()
		w.OK("run", dir, "--pipeline", pipeline, "--out", out, "--json")
		ours = append(ours, wells/time.Since(began).Seconds())
		cpu = append(cpu, readJobs(b, filepath.Join(out, "joblog.tsv")).cpu/wells)
		if p, ok := python(b, "--workers", strconv.Itoa(runtime.NumCPU()), "--empty", strconv.Itoa(baselineWells)); ok {
			theirs = append(theirs, p.WellsPerSecond)
			theirCPU = append(theirCPU, p.CPUSeconds/baselineWells)
		}
	}
	b.ReportMetric(median(ours), "wells/s")
	b.ReportMetric(1e3*median(cpu), "worker-CPU-ms/well")
	if len(theirs) > 0 {
		b.ReportMetric(median(theirs), "python-wells/s")
		b.ReportMetric(median(ours)/median(theirs), "x-python")
		b.ReportMetric(1e3*median(theirCPU), "python-CPU-ms/well")
	}
}

// BenchmarkNucleiPlate: the nuclei assay on a synthetic plate of 24 wells with
// four sites of 512 x 512, against the same operations in scikit-image.
func BenchmarkNucleiPlate(b *testing.B) {
	const wells = 24
	w := harness.New(b)
	dir := w.Synthesize(plate.Synthesis{Wells: wells, Rows: 2, Columns: 2, Width: 512, Height: 512, Cells: 60})
	list := w.Write("wells.tsv", listOf(b, dir))
	pipeline := w.Pipeline(nuclei)
	w.Serve()
	var ours, peaks, theirs, theirPeaks []float64
	for i := 0; b.Loop(); i++ {
		out := w.Path(fmt.Sprint("out", i))
		began := time.Now()
		w.OK("run", dir, "--pipeline", pipeline, "--out", out, "--json")
		ours = append(ours, time.Since(began).Seconds())
		peaks = append(peaks, readJobs(b, filepath.Join(out, "joblog.tsv")).peak)
		if p, ok := python(b, "--workers", strconv.Itoa(runtime.NumCPU()), "--list", list); ok {
			theirs = append(theirs, p.Seconds)
			theirPeaks = append(theirPeaks, p.PeakMedian)
		}
	}
	b.ReportMetric(median(ours), "s/plate")
	b.ReportMetric(median(peaks)/(1<<20), "worker-peak-MiB")
	if len(theirs) > 0 {
		b.ReportMetric(median(theirs), "skimage-s/plate")
		b.ReportMetric(median(theirs)/median(ours), "x-faster")
		b.ReportMetric(median(peaks)/median(theirPeaks), "x-peak-memory")
	}
}

// listOf lists a plate's images as WELL<tab>TIFF.
func listOf(b *testing.B, dir string) string {
	b.Helper()
	index, err := plate.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	var lines strings.Builder
	for _, image := range index.Images {
		fmt.Fprintf(&lines, "%s\t%s\n", image.Well, index.Path(image))
	}
	return lines.String()
}
