package result

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func newFolder(t testing.TB, opts ...Option) *Folder {
	t.Helper()
	return openFolder(t, filepath.Join(t.TempDir(), "out"), "e1", opts...)
}

// reopen ends the execution that has the folder and starts another on it.
func reopen(t testing.TB, f *Folder, execution string, opts ...Option) *Folder {
	t.Helper()
	check0(t, f.Close())
	return openFolder(t, f.out, execution, opts...)
}

// cells reads a merged table by the column that names its rows.
func cells(t testing.TB, f *Folder, name, key string) (header []string, rows map[string]map[string]string) {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(read(t, f, name))).ReadAll()
	check0(t, err)
	rows = map[string]map[string]string{}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, column := range records[0] {
			row[column] = record[i]
		}
		rows[row[key]] = row
	}
	return records[0], rows
}

func TestMergeListsEveryWell(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	wells := []Well{
		complete(t, f, "B02", 2, 0), complete(t, f, "A10", 1, 2), complete(t, f, "A02", 1, 3),
		failedWell("A01"),
		{Well: "H12", Status: enums.WellCancelled, Reason: enums.ReasonCancelled},
		{Well: "C01", Status: enums.WellPending},
		completeWell("D01", 1), // says so, but committed nothing
	}
	s := must[Summary](t)(f.Merge(job(f, wells...)))
	want := `Metadata_Plate,Metadata_Well,Status,Attempts,ExitReason,Error,Warnings,Count_Nuclei,Mean_Nuclei_AreaShape_Area,Mean_Nuclei_Intensity_MeanIntensity_1
P1,A01,failed,1,signal,"killed by	SIGKILL",,,,
P1,A02,complete,1,ok,,,3,100.33333333333333,0.10000000000000002
P1,A10,complete,1,ok,,,2,100.16666666666666,0.05
P1,B02,complete,2,ok,,,0,,
P1,C01,pending,0,,,,,,
P1,D01,failed,1,lost,no committed result of the well was found,,,,
P1,H12,cancelled,0,cancelled,,,,,
`
	if got := read(t, f, "wells.csv"); got != want {
		t.Errorf("wells.csv is\n%s\nwant\n%s", got, want)
	}
	if s.Wells != 7 || s.Complete != 3 || s.Failed != 2 || s.Cancelled != 1 || s.Missing != 1 || s.Objects["Nuclei"] != 5 || len(s.Problems) != 1 {
		t.Errorf("summary is %+v", s)
	}
	objects := strings.Split(strings.TrimSpace(read(t, f, "Nuclei.csv")), "\n")
	if len(objects) != 6 || objects[1] != "P1,A02,1,1,1,100,0" || !strings.HasPrefix(objects[4], "P1,A10,") {
		t.Errorf("Nuclei.csv is %q", objects)
	}
	if got := read(t, f, "sites.csv"); !strings.HasSuffix(got, "P1,A02,1,1,3\nP1,A10,1,1,2\nP1,B02,1,1,0\n") {
		t.Errorf("sites.csv is %q", got)
	}
	if got := read(t, f, "images/clean/A10_s1.tif"); got != "well A10, 2 objects" {
		t.Errorf("image holds %q", got)
	}
	if _, err := os.Stat(f.hidden("merge")); err == nil {
		t.Error("the staging stays")
	}
}

func TestJobLog(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	must[Summary](t)(f.Merge(job(f, complete(t, f, "A02", 1, 3), failedWell("A01"))))
	want := "Seq\tWell\tAttempt\tReason\tExitval\tSignal\tStart\tJobRuntime\tCPU\tPeakMemory\tLastStep\tError\tExecution\n" +
		"1\tA02\t1\tok\t0\t0\t2026-03-01T12:00:00.000Z\t1.000\t0.900\t1048576\tmeasure\t\te1\n" +
		"2\tA01\t1\tsignal\t-1\tSIGKILL\t2026-03-01T12:01:00.000Z\t60.000\t0.000\t0\t\tkilled by\\tSIGKILL\\nat once\te1\n"
	if got := read(t, f, "joblog.tsv"); got != want {
		t.Errorf("joblog.tsv is\n%s\nwant\n%s", got, want)
	}
}

func TestManifest(t *testing.T) {
	t.Parallel()
	f := newFolder(t, WithConfiguration("c1"))
	j := job(f, complete(t, f, "A02", 1, 3), failedWell("A01"))
	j.Configuration = json.RawMessage(`[{"key":"retries","value":2,"origin":"default"}]`)
	j.Versions, j.Fingerprint = map[string]string{"wellhouse": "1"}, "f"
	j.Inputs = []FileDigest{{Path: "pipeline.yaml", SHA256: "bb"}}
	j.PipelineText = "name: <nuclei> & more\nsteps: []\n"
	s := must[Summary](t)(f.Merge(j))
	var m Manifest
	check0(t, strictJSON([]byte(read(t, f, "manifest.json")), &m))
	switch {
	case m.Schema != 1 || m.Kind != "wellhouse.manifest" || m.Execution != "e1" || m.Digest != "c1" || m.Ended != "2026-03-01T13:00:00.000Z":
		t.Errorf("head is %+v", m)
	case m.Pipeline != "nuclei" || m.PipelineText != j.PipelineText || m.PipelineHash != fmt.Sprintf("%x", sha256.Sum256([]byte(j.PipelineText))):
		t.Errorf("pipeline is %+v", m)
	case len(m.Wells) != 2 || m.Wells[0].Evidence.Signal != "SIGKILL" || m.Wells[0].Evidence.LogTail[0] != "last words" || m.Wells[0].Result != nil:
		t.Errorf("failed well is %+v", m.Wells[0])
	case m.Wells[1].Result.Origin != made || m.Wells[1].Result.Counts["Nuclei"] != 3:
		t.Errorf("complete well is %+v", m.Wells[1].Result)
	case len(m.Inputs) != 2 || m.Inputs[0].Path != "img/A02.tif":
		t.Errorf("inputs are %+v", m.Inputs)
	}
	if len(s.Files) != len(m.Files)+1 || s.Files[len(s.Files)-1].Path != "manifest.json" {
		t.Errorf("files are %v", s.Files)
	}
	for _, file := range s.Files {
		if got := must[FileDigest](t)(Digest(f.out, file.Path)); got != file {
			t.Errorf("%s is %+v, listed as %+v", file.Path, got, file)
		}
	}
}

// However the wells ended, and however often it is merged: the same bytes.
func TestMergeIsTheSameWhateverTheOrder(t *testing.T) {
	t.Parallel()
	names := allWells(4, 6)
	var first string
	for seed := range uint64(4) {
		f := newFolder(t)
		order := slices.Clone(names)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		var wells []Well
		for _, well := range order {
			row, column, _ := position(well)
			wells = append(wells, complete(t, f, well, 1, row*7+column))
		}
		for range 2 {
			must[Summary](t)(f.Merge(job(f, wells...)))
			got := fmt.Sprint(visible(t, f))
			if first == "" {
				first = got
			}
			if got != first {
				t.Fatalf("seed %d gives other files:\n%s\nwant\n%s", seed, got, first)
			}
		}
	}
}

func TestRerunCompletesTheSameTables(t *testing.T) {
	t.Parallel()
	f := newFolder(t, WithConfiguration("c1"))
	j := job(f, complete(t, f, "A02", 1, 3), failedWell("A01"))
	must[Summary](t)(f.Merge(j))
	f = reopen(t, f, "e2", WithConfiguration("c1"))
	again := complete(t, f, "A01", 1, 4)
	again.Jobs[0].Started = noon.Add(3 * time.Hour)
	later := job(f, again)
	later.Started = noon.Add(3 * time.Hour)
	s := must[Summary](t)(f.Merge(later))
	if s.Wells != 2 || s.Complete != 2 || s.Earlier != 1 || s.Objects["Nuclei"] != 7 {
		t.Errorf("summary is %+v", s)
	}
	_, rows := cells(t, f, "wells.csv", "Metadata_Well")
	if rows["A01"]["Status"] != "complete" || rows["A01"]["Count_Nuclei"] != "4" || rows["A02"]["Count_Nuclei"] != "3" {
		t.Errorf("rows are %v", rows)
	}
	log := strings.Split(strings.TrimSpace(read(t, f, "joblog.tsv")), "\n")
	if len(log) != 4 || !strings.HasPrefix(log[1], "1\tA02\t") || !strings.HasSuffix(log[1], "\te1") || !strings.HasPrefix(log[3], "3\tA01\t") || !strings.HasSuffix(log[3], "\te2") {
		t.Errorf("joblog is %q", log)
	}
}

// A rerun that fails keeps what was reported, and says so.
func TestFailedRerunKeepsTheRows(t *testing.T) {
	t.Parallel()
	f := newFolder(t, WithConfiguration("c1"))
	must[Summary](t)(f.Merge(job(f, complete(t, f, "A01", 1, 3))))
	objects := read(t, f, "Nuclei.csv")
	f = reopen(t, f, "e2", WithConfiguration("c1"))
	s := must[Summary](t)(f.Merge(job(f, failedWell("A01"))))
	_, rows := cells(t, f, "wells.csv", "Metadata_Well")
	if s.Failed != 1 || rows["A01"]["Status"] != "failed" || !strings.Contains(rows["A01"]["Warnings"], "earlier") || rows["A01"]["Count_Nuclei"] != "3" {
		t.Errorf("row is %v", rows["A01"])
	}
	if read(t, f, "Nuclei.csv") != objects {
		t.Error("the objects of the earlier run are gone")
	}
}

func TestTablesNeverMixConfigurations(t *testing.T) {
	t.Parallel()
	f := newFolder(t, WithConfiguration("c1"))
	must[Summary](t)(f.Merge(job(f, complete(t, f, "A01", 1, 3), complete(t, f, "A02", 1, 3), complete(t, f, "A03", 1, 3))))
	f = reopen(t, f, "e2", WithConfiguration("c2"))
	s := must[Summary](t)(f.Merge(job(f, complete(t, f, "A02", 1, 5), failedWell("A03"))))
	header, rows := cells(t, f, "wells.csv", "Metadata_Well")
	if len(rows) != 2 || rows["A02"]["Count_Nuclei"] != "5" || rows["A03"]["Count_Nuclei"] != "" {
		t.Errorf("%v\n%v", header, rows)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "A01") {
		t.Errorf("warnings are %q", s.Warnings)
	}
	// Back to the first configuration: what was committed then is still there,
	// but for the well that was run again.
	f = reopen(t, f, "e3", WithConfiguration("c1"))
	s = must[Summary](t)(f.Merge(job(f)))
	_, rows = cells(t, f, "wells.csv", "Metadata_Well")
	if len(rows) != 2 || rows["A01"]["Status"] != "complete" || rows["A03"]["Status"] != "complete" || !strings.Contains(strings.Join(s.Warnings, ""), "A02") {
		t.Errorf("rows are %v, warnings %q", rows, s.Warnings)
	}
}

// Commits that no merge recorded, because the server died, are found.
func TestMergeFindsUnrecordedCommits(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	complete(t, f, "A01", 1, 3)
	f = reopen(t, f, "e2")
	s := must[Summary](t)(f.Merge(job(f, complete(t, f, "A02", 1, 4))))
	if s.Complete != 2 || s.Objects["Nuclei"] != 7 {
		t.Errorf("summary is %+v", s)
	}
}

func TestMissingColumnsAreUnited(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	all := objectColumns()
	extra := slices.Insert(slices.Clone(all), 6, Column{Name: "Nuclei_AreaShape_Eccentricity", Kind: Number})
	s := must[Summary](t)(f.Merge(job(f,
		complete(t, f, "A01", 1, 2, objects(t, "A01", 2, all[:6]...)),
		complete(t, f, "A02", 1, 1, objects(t, "A02", 1, extra...)),
		complete(t, f, "A03", 1, 0, objects(t, "A03", 0, all[:2]...)), // no rows: lacks nothing
		complete(t, f, "A04", 1, 1, objects(t, "A04", 1, all[6], all[0], all[1], all[2], all[3], all[4], extra[6], all[5])),
	)))
	want := `Metadata_Plate,Metadata_Well,Metadata_Site,ImageNumber,ObjectNumber,Nuclei_AreaShape_Area,Nuclei_AreaShape_Eccentricity,Nuclei_Intensity_MeanIntensity_1
P1,A01,1,1,1,100,,
P1,A01,1,1,2,100.33333333333333,,
P1,A02,1,1,1,100,,0
P1,A04,1,1,1,100,,0
`
	if got := read(t, f, "Nuclei.csv"); got != want {
		t.Errorf("Nuclei.csv is\n%s\nwant\n%s", got, want)
	}
	if len(s.Warnings) != 1 || s.Warnings[0] != "table Nuclei: A01 has no Nuclei_AreaShape_Eccentricity, Nuclei_Intensity_MeanIntensity_1; the fields are empty there" {
		t.Errorf("warnings are %q", s.Warnings)
	}
	if s.Failed != 0 {
		t.Errorf("summary is %+v", s)
	}
}

func TestConflictingKindFailsItsWell(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	other := objectColumns()
	other[5].Kind = Text
	bad := must[*Table](t)(NewTable("Nuclei", other...))
	bad.AppendMissing()
	s := must[Summary](t)(f.Merge(job(f,
		complete(t, f, "A01", 1, 2), complete(t, f, "A02", 1, 1, bad, sites(t, "A02", 1)), complete(t, f, "A03", 1, 2))))
	_, rows := cells(t, f, "wells.csv", "Metadata_Well")
	if rows["A02"]["ExitReason"] != "output_invalid" || !strings.Contains(rows["A02"]["Error"], "Nuclei_AreaShape_Area") || rows["A02"]["Count_Nuclei"] != "" {
		t.Errorf("row is %v", rows["A02"])
	}
	if s.Complete != 2 || s.Failed != 1 || s.Objects["Nuclei"] != 4 || strings.Contains(read(t, f, "sites.csv"), "A02") {
		t.Errorf("summary is %+v", s)
	}
}

func TestDamagedResultFailsItsWell(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	wells := []Well{complete(t, f, "A01", 1, 2), complete(t, f, "A02", 1, 2)}
	path := fragmentPath(f.generation("A02", 1), "Nuclei")
	text := must[[]byte](t)(os.ReadFile(path))
	text[len(text)-3] ^= 1
	check0(t, os.WriteFile(path, text, 0o644))
	s := must[Summary](t)(f.Merge(job(f, wells...)))
	_, rows := cells(t, f, "wells.csv", "Metadata_Well")
	if s.Failed != 1 || rows["A02"]["ExitReason"] != "output_invalid" || strings.Contains(rows["A02"]["Error"], f.out) {
		t.Errorf("row is %v", rows["A02"])
	}
	if _, ok := f.Reusable("A02", made, ""); ok {
		t.Error("a damaged result is reusable")
	}
}

func TestMergeRemovesItsOwnStaleFilesOnly(t *testing.T) {
	t.Parallel()
	f := newFolder(t, WithConfiguration("c1"))
	must[Summary](t)(f.Merge(job(f, complete(t, f, "A01", 1, 2))))
	check0(t, os.WriteFile(filepath.Join(f.out, "notes.txt"), []byte("mine"), 0o644))
	check0(t, os.WriteFile(filepath.Join(f.out, "images", "clean", "figure.png"), []byte("mine"), 0o644))
	f = reopen(t, f, "e2", WithConfiguration("c2"))
	cellsTable := must[*Table](t)(NewTable("Cells", Column{Name: "ObjectNumber", Kind: Integer}))
	must[Summary](t)(f.Merge(job(f, complete(t, f, "A01", 1, 0, cellsTable))))
	for name, want := range map[string]bool{"Nuclei.csv": false, "Cells.csv": true, "notes.txt": true, "images/clean/figure.png": true, "images/clean/A01_s1.tif": true} {
		if _, err := os.Stat(filepath.Join(f.out, name)); (err == nil) != want {
			t.Errorf("%s exists: %v, want %v", name, err == nil, want)
		}
	}
	if got := read(t, f, "images/clean/A01_s1.tif"); got != "well A01, 0 objects" {
		t.Errorf("image is of the run before: %q", got)
	}
}

// What somebody put into the folder since the last merge is neither replaced nor
// removed; the merge says what is in the way, and goes on when it is not.
func TestMergeLeavesWhatItDidNotMake(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, path string }{
		{"a file", "Nuclei.csv"},
		{"a folder", "Nuclei.csv/mine"},
		{"a folder where a table was", "sites.csv/mine"},
		{"an image", "images/clean/A01_s1.tif"},
		{"a folder where a stale table was", "Cells.csv/mine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, WithConfiguration("c1"))
			cells := must[*Table](t)(NewTable("Cells", Column{Name: "ObjectNumber", Kind: Integer}))
			dir := must[string](t)(f.Prepare("A01", 1))
			check0(t, WriteFragment(dir, cells))
			check0(t, WriteOutcome(dir, outcome(f, "A01", 1, 0)))
			check0(t, f.Commit("A01", 1, made))
			must[Summary](t)(f.Merge(job(f, completeWell("A01", 1))))
			was := read(t, f, "wells.csv")
			mine := filepath.Join(f.out, filepath.FromSlash(test.path))
			if strings.HasSuffix(test.path, "/mine") {
				check0(t, os.RemoveAll(filepath.Dir(mine)))
			}
			check0(t, os.MkdirAll(filepath.Dir(mine), 0o755))
			check0(t, os.WriteFile(mine, []byte("mine"), 0o644))

			f = reopen(t, f, "e2", WithConfiguration("c2"))
			j := job(f, complete(t, f, "A01", 1, 2))
			_, err := f.Merge(j)
			if got := read(t, f, test.path); got != "mine" {
				t.Errorf("it was replaced by %q", got)
			}
			if stale := strings.HasPrefix(test.path, "Cells.csv"); stale {
				check0(t, err)
				return
			}
			if err == nil || !strings.Contains(err.Error(), "is in the way") {
				t.Fatalf("the merge says %v", err)
			}
			if read(t, f, "wells.csv") != was {
				t.Error("the files of the merge before are not as they were")
			}
			check0(t, os.RemoveAll(filepath.Join(f.out, strings.TrimSuffix(test.path, "/mine"))))
			must[Summary](t)(f.Merge(j))
		})
	}
}

// The clock may be set back between two executions: the later one still counts.
func TestLaterExecutionCountsWhateverTheClockSays(t *testing.T) {
	t.Parallel()
	f := newFolder(t, WithConfiguration("c1"))
	must[Summary](t)(f.Merge(job(f, failedWell("A01"))))
	f = reopen(t, f, "e2", WithConfiguration("c1"))
	j := job(f, complete(t, f, "A01", 1, 3))
	j.Started = noon.Add(-24 * time.Hour)
	must[Summary](t)(f.Merge(j))
	must[Summary](t)(f.Merge(j)) // as after a restart
	f = reopen(t, f, "e3", WithConfiguration("c1"))
	s := must[Summary](t)(f.Merge(job(f, complete(t, f, "A02", 1, 3))))
	if s.Complete != 2 || s.Failed != 0 {
		t.Errorf("summary is %+v", s)
	}
}

func TestDamagedJobRecordIsReportedAndKept(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	must[Summary](t)(f.Merge(job(f, complete(t, f, "A01", 1, 2))))
	path := f.hidden("jobs", "e1.json")
	check0(t, os.Truncate(path, 30))
	f = reopen(t, f, "e2")
	s := must[Summary](t)(f.Merge(job(f, complete(t, f, "A02", 1, 2))))
	if s.Complete != 2 || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "e1") {
		t.Errorf("summary is %+v", s)
	}
	if info := must[os.FileInfo](t)(os.Stat(path)); info.Size() != 30 {
		t.Error("the damaged record was replaced")
	}
}

func TestMergeRefusesAmbiguousJobs(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	for _, wells := range [][]Well{{failedWell("A01"), failedWell("A01")}, {failedWell("../A01")}} {
		if _, err := f.Merge(job(f, wells...)); err == nil {
			t.Errorf("%v accepted", wells)
		}
	}
}

func TestGatheredImagesNeverCollide(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"A01", "images/s/A01_s1.tif", "images/s/A01_s1.tif"},
		{"A01", "images/s/A01.tif", "images/s/A01.tif"},
		{"A01", "images/s/A011.tif", "images/s/A01_A011.tif"},
		{"A01", "images/s/site1.tif", "images/s/A01_site1.tif"},
	} {
		if got := gathered(c[0], c[1]); got != c[2] {
			t.Errorf("%s becomes %s, want %s", c[1], got, c[2])
		}
	}
}

func TestWarningsOfTheOutcomeAreShownOnce(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	work(t, f, "A01", 1, 2)
	o := outcome(f, "A01", 1, 2)
	o.Warnings = []string{"site 3 is missing"}
	check0(t, WriteOutcome(f.AttemptDir("A01", 1), o))
	check0(t, f.Commit("A01", 1, Origin{}))
	w := completeWell("A01", 1)
	w.Warnings = []string{"site 3 is missing", "slow disk"}
	must[Summary](t)(f.Merge(job(f, w)))
	if _, rows := cells(t, f, "wells.csv", "Metadata_Well"); rows["A01"]["Warnings"] != "site 3 is missing; slow disk" {
		t.Errorf("row is %v", rows["A01"])
	}
}

// Not parallel: it counts this process's allocations. A merge allocates for
// wells and columns; ten times as many objects must not show.
func TestMergeStreams(t *testing.T) {
	allocated := func(n int) (uint64, int64) {
		f := newFolder(t)
		var wells []Well
		for _, well := range allWells(4, 4) {
			wells = append(wells, complete(t, f, well, 1, n))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		must[Summary](t)(f.Merge(job(f, wells...)))
		runtime.ReadMemStats(&after)
		info := must[os.FileInfo](t)(os.Stat(filepath.Join(f.out, "Nuclei.csv")))
		return after.TotalAlloc - before.TotalAlloc, info.Size()
	}
	few, fewBytes := allocated(100)
	many, manyBytes := allocated(10_000)
	t.Logf("%d bytes allocated for %d bytes of objects, %d for %d", few, fewBytes, many, manyBytes)
	if grown := int64(many) - int64(few); grown > (manyBytes-fewBytes)/4 {
		t.Errorf("%d more bytes of objects allocate %d more bytes", manyBytes-fewBytes, grown)
	}
}
