package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"os"

	"github.com/wellhouse-hcs/wellhouse/worker/plate"
)

// Nuclei is a small pipeline that counts and measures.
const Nuclei = `name: nuclei
steps:
  - name: nuclei
    function: segment_nuclei
    objects: Nuclei
  - name: intensity
    function: measure_intensity
    with: {objects: Nuclei}
`

// Fault is a pipeline of one of the functions that fail on purpose, with its
// parameters: Fault("fault_sleep", "duration: 60"). It needs
// Setenv("WELLHOUSE_FAULTS", "1").
func Fault(function, parameters string) string {
	return "name: fault\nsteps:\n  - name: fault\n    function: " + function + "\n    with: {" + parameters + "}\n"
}

// Plate makes a small plate of its own: 4 wells of one site of 64 x 64 pixels.
func (w *World) Plate() string {
	w.tb.Helper()
	return w.Synthesize(plate.Synthesis{Wells: 4})
}

// Synthesize makes a plate; what is not said is small: one site of 64 x 64
// pixels with 5 cells.
func (w *World) Synthesize(s plate.Synthesis) string {
	w.tb.Helper()
	if s.Rows == 0 {
		s.Rows, s.Columns = 1, 1
	}
	if s.Height == 0 {
		s.Height, s.Width = 64, 64
	}
	if s.Cells == 0 {
		s.Cells = 5
	}
	if s.Name == "" {
		s.Name = "plate"
	}
	dir, err := os.MkdirTemp(w.Dir, "plate")
	if err != nil {
		w.tb.Fatal(err)
	}
	if err := os.Remove(dir); err != nil { // the name is what was wanted
		w.tb.Fatal(err)
	}
	if err := plate.Synthesize(dir, s); err != nil {
		w.tb.Fatal(err)
	}
	return dir
}

// Pipeline writes a pipeline's text to a file and returns its path.
func (w *World) Pipeline(text string) string {
	w.tb.Helper()
	sum := sha256.Sum256([]byte(text))
	return w.Write("pipeline-"+hex.EncodeToString(sum[:4])+".yaml", text)
}
