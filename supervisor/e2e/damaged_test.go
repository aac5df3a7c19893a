package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// One truncated TIFF, one field that is all zero and one that is missing: the
// first costs its well and is named, the second counts nothing, the third is a
// warning, and the command exits with 1. Sound again, `retry --failed` runs the
// one well and merges it with the others.
func TestDamagedPlate(t *testing.T) {
	t.Parallel()
	w := harness.New(t)
	dir := w.Synthesize(plate.Synthesis{Wells: 6, Rows: 1, Columns: 2})
	file := func(well, site string) string { return filepath.Join(dir, "plate_"+well+"_s"+site+"_w1.tif") }

	whole := []byte(w.Read(file("A02", "1")))
	if err := os.WriteFile(file("A02", "1"), whole[:len(whole)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	var black bytes.Buffer
	if err := plate.WriteTIFF(&black, imaging.NewPlane(64, 64, enums.Uint16)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file("A03", "2"), black.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file("B01", "2")); err != nil {
		t.Fatal(err)
	}

	out := w.Path("out")
	r := w.Want(1, "run", dir, "-p", example(t, "nuclei.yaml"), "--out", out)
	says(t, r.Stdout, "5 of 6 wells complete", "A02 failed: input_unreadable", filepath.Base(file("A02", "1")), "truncated",
		"Wells with warnings: 1", "supervisor retry --failed")
	found := wells(t, out)
	says(t, found["A02"]["Error"], filepath.Base(file("A02", "1")))
	if v := found["A02"]; v["Status"] != "failed" || v["ExitReason"] != "input_unreadable" || v["Attempts"] != "1" || v["Count_Nuclei"] != "" {
		t.Errorf("the truncated well: %v", v)
	}
	says(t, found["B01"]["Warnings"], "site 2", "missing")
	if v := found["B01"]; v["Status"] != "complete" || v["Error"] != "" {
		t.Errorf("the well with a missing field: %v", v)
	}
	sites := map[string]row{}
	for _, s := range table(t, filepath.Join(out, "sites.csv")) {
		sites[s["Metadata_Well"]+"/"+s["Metadata_Site"]] = s
	}
	if s := sites["A03/2"]; s["Count_Nuclei"] != "0" {
		t.Errorf("the all-zero field: %v, want a count of 0", s)
	}
	if sites["B01/2"] != nil || sites["A02/1"] != nil || sites["A02/2"] != nil {
		t.Error("sites.csv has a row for a missing field or a failed well")
	}
	if found["A03"].number(t, "Count_Nuclei") != sites["A03/1"].number(t, "Count_Nuclei") {
		t.Errorf("A03 counts %s nuclei, its sound field %s", found["A03"]["Count_Nuclei"], sites["A03/1"]["Count_Nuclei"])
	}
	tablesAgree(t, out)

	if err := os.WriteFile(file("A02", "1"), whole, 0o644); err != nil {
		t.Fatal(err)
	}
	id := outcome(t, w.Want(0, "run", dir, "-p", example(t, "nuclei.yaml"), "--out", w.Path("sound"), "--json")).ExecutionID
	retried := retryCommand(t, r)
	r = w.Want(0, append(retried, "--json")...)
	x := outcome(t, r)
	if len(x.Wells) != 1 || x.Wells[0].Well != "A02" || x.ExecutionID == id {
		t.Errorf("the retry ran %+v, want A02 alone", x.Wells)
	}
	for _, name := range []string{"wells.csv", "sites.csv", "Nuclei.csv"} {
		if got, want := w.Read(filepath.Join(out, name)), w.Read(filepath.Join(w.Path("sound"), name)); got != want {
			t.Errorf("%s differs after the retry from a run without faults:\n%s\n%s", name, got, want)
		}
	}
	says(t, w.Want(2, "retry", "--failed", x.ExecutionID).Stderr, "no failed well")
}
