package worker

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
	"github.com/wellhouse-hcs/wellhouse/worker/pipeline"
	"github.com/wellhouse-hcs/wellhouse/worker/plate"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// keep writes the planes of a step, and the label maps it made, as TIFF files
// below images/<step>/. An attempt's directory is committed as a whole, so the
// files need no temporary names.
func (r *run) keep(step *pipeline.Step, planes []*plane, labels []*imaging.Labels) error {
	defer r.since(&r.writing, r.Now())
	folder := filepath.Join(r.task.Directory, "images", step.Name)
	if err := r.before("mkdir", folder); err != nil {
		return err
	}
	if err := result.MakeWithin(r.task.Directory, "images", step.Name); err != nil {
		return err
	}
	for i, p := range planes {
		base := imageName(p.at)
		if err := r.writeFile(filepath.Join(folder, base+".tif"), func(w io.Writer) error { return plate.WriteTIFF(w, p.pixels) }); err != nil {
			return err
		}
		// A chain may reduce after it made objects; those label maps have no
		// plane here and are not kept.
		if len(labels) != len(planes) {
			continue
		}
		if err := r.writeFile(filepath.Join(folder, base+"_"+step.Objects+".tif"), func(w io.Writer) error { return plate.WriteLabelsTIFF(w, labels[i]) }); err != nil {
			return err
		}
	}
	return nil
}

// before calls Step, where there is one.
func (r *run) before(operation, path string) error {
	if r.Step == nil {
		return nil
	}
	return r.Step(operation, path)
}

func (r *run) writeFile(path string, write func(io.Writer) error) (err error) {
	if err := r.before("create", path); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create image: %w", err)
	}
	defer func() {
		if closing := f.Close(); err == nil && closing != nil {
			err = fmt.Errorf("close image: %w", closing)
		}
	}()
	w := bufio.NewWriterSize(f, 256<<10)
	if err := write(w); err != nil {
		return fmt.Errorf("write image %s: %w", filepath.Base(path), err)
	}
	if err := r.before("write", path); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write image %s: %w", filepath.Base(path), err)
	}
	return nil
}

// imageName names a plane by the components it has: A01_s2_w1_z3_t1.
func imageName(c plate.Coordinates) string {
	var b strings.Builder
	b.WriteString(fileName(c.Well))
	for _, part := range []struct{ letter, value string }{
		{"s", c.Site}, {"w", c.Channel}, {"z", c.ZIndex}, {"t", c.Timepoint},
	} {
		if part.value != "" {
			b.WriteString("_" + part.letter + fileName(part.value))
		}
	}
	return b.String()
}

// fileName keeps letters and digits and writes every other byte in hexadecimal,
// so that different values never share a name.
func fileName(value string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}
