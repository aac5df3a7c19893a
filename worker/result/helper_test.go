package result

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check0(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openFolder(t testing.TB, out, execution string, opts ...Option) *Folder {
	t.Helper()
	f, err := Open(out, execution, append(opts, drawSmall)...)
	check0(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func drawSmall(o *options) { o.density = 0.1 }

// objectColumns are those of a small nuclei table.
func objectColumns() []Column {
	return []Column{
		{Name: "Metadata_Plate", Kind: Text}, {Name: "Metadata_Well", Kind: Text}, {Name: "Metadata_Site", Kind: Text},
		{Name: "ImageNumber", Kind: Integer}, {Name: "ObjectNumber", Kind: Integer},
		{Name: "Nuclei_AreaShape_Area", Kind: Number, Unit: "px"},
		{Name: "Nuclei_Intensity_MeanIntensity_1", Kind: Number},
	}
}

func objects(t testing.TB, well string, n int, columns ...Column) *Table {
	t.Helper()
	if columns == nil {
		columns = objectColumns()
	}
	table := must[*Table](t)(NewTable("Nuclei", columns...))
	for i := range n {
		row := table.AppendMissing()
		set := func(name string, c Cell) {
			if at := table.Column(name); at >= 0 {
				check0(t, table.Set(row, at, c))
			}
		}
		set("Metadata_Plate", TextCell("P1"))
		set("Metadata_Well", TextCell(well))
		set("Metadata_Site", TextCell("1"))
		set("ImageNumber", IntegerCell(1))
		set("ObjectNumber", IntegerCell(i+1))
		set("Nuclei_AreaShape_Area", NumberCell(100+float64(i)/3))
		set("Nuclei_Intensity_MeanIntensity_1", NumberCell(0.1*float64(i)))
	}
	return table
}

func sites(t testing.TB, well string, n int) *Table {
	t.Helper()
	table := must[*Table](t)(NewTable(SitesTable,
		Column{Name: "Metadata_Plate", Kind: Text}, Column{Name: "Metadata_Well", Kind: Text}, Column{Name: "Metadata_Site", Kind: Text},
		Column{Name: "ImageNumber", Kind: Integer}, Column{Name: "Count_Nuclei", Kind: Integer}))
	check0(t, table.Append(TextCell("P1"), TextCell(well), TextCell("1"), IntegerCell(1), IntegerCell(n)))
	return table
}

// work does what a worker does: fragments, an image and the outcome.
func work(t testing.TB, f *Folder, well string, attempt, n int, tables ...*Table) {
	t.Helper()
	dir := must[string](t)(f.Prepare(well, attempt))
	if tables == nil {
		tables = []*Table{objects(t, well, n), sites(t, well, n)}
	}
	for _, table := range tables {
		check0(t, WriteFragment(dir, table))
	}
	check0(t, os.MkdirAll(filepath.Join(dir, "images", "clean"), 0o755))
	check0(t, os.WriteFile(filepath.Join(dir, "images", "clean", well+"_s1.tif"), fmt.Appendf(nil, "well %s, %d objects", well, n), 0o644))
	check0(t, WriteOutcome(dir, outcome(f, well, attempt, n)))
}

func outcome(f *Folder, well string, attempt, n int) Outcome {
	return Outcome{
		Execution: f.execution, Plate: "P1", Well: well, Attempt: attempt, Reason: enums.ReasonOK,
		Started: noon, Ended: noon.Add(time.Second), Counts: map[string]int{"Nuclei": n},
		Inputs: []FileDigest{{Path: "img/" + well + ".tif", Bytes: 9, SHA256: "aa"}},
	}
}

// complete works and commits, and says so.
// made is what all results here are made from.
var made = Origin{Made: "key", Looks: "as ever"}

func complete(t testing.TB, f *Folder, well string, attempt, n int, tables ...*Table) Well {
	t.Helper()
	work(t, f, well, attempt, n, tables...)
	check0(t, f.Commit(well, attempt, made))
	return completeWell(well, attempt)
}

func completeWell(well string, attempt int) Well {
	return Well{
		Well: well, Status: enums.WellComplete, Attempts: attempt, Reason: enums.ReasonOK,
		Jobs: []Attempt{{Number: attempt, Reason: enums.ReasonOK, Started: noon, Ended: noon.Add(time.Second), CPU: 900 * time.Millisecond, PeakMemory: 1 << 20, LastStep: "measure"}},
	}
}

func failedWell(well string) Well {
	return Well{
		Well: well, Status: enums.WellFailed, Attempts: 1, Reason: enums.ReasonSignal, Error: "killed by\tSIGKILL",
		Jobs: []Attempt{{Number: 1, Reason: enums.ReasonSignal, ExitCode: -1, Signal: "SIGKILL", Started: noon.Add(time.Minute), Ended: noon.Add(2 * time.Minute), Error: "killed by\tSIGKILL\nat once", LogTail: []string{"last words"}}},
	}
}

func job(f *Folder, wells ...Well) Job {
	return Job{Execution: f.execution, Plate: "P1", Pipeline: "nuclei", Started: noon, Ended: noon.Add(time.Hour), Wells: wells}
}

func read(t testing.TB, f *Folder, name string) string {
	t.Helper()
	return string(must[[]byte](t)(os.ReadFile(filepath.Join(f.out, filepath.FromSlash(name)))))
}
