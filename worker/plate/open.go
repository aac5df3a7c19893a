package plate

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Open reads what is on the plate in a folder. The folder may be the plate's
// own or hold it further down (Plate/2023-02-21/1334); when it holds several
// and is none itself, the error names them.
func Open(dir string) (*Index, error) {
	root, err := plateFolder(dir)
	if err != nil {
		return nil, err
	}
	known := formats()
	l, err := walk(root, func(name string) bool {
		for _, f := range known {
			if f.isMetadata(name) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return nil, fmt.Errorf("open plate %s: %w", dir, withoutPath(err))
	}
	chosen, others, err := choose(candidates(l))
	if err != nil {
		return nil, fmt.Errorf("open plate %s: %w", dir, err)
	}
	if chosen == nil {
		return nil, fmt.Errorf("open plate %s: %s", dir, notAPlate(l))
	}
	x, err := assemble(root, chosen)
	if err != nil {
		return nil, fmt.Errorf("open plate %s: %w", dir, err)
	}
	if len(others) > 0 {
		x.Warnings = append(x.Warnings, fmt.Sprintf("%d more folders below look like plates of their own and were left out: %s", len(others), names(others)))
	}
	x.Warnings = append(x.Warnings, l.warnings()...)
	return x, nil
}

// choose takes the folder itself if it is a plate, else the only plate below.
func choose(found []*candidate) (chosen *candidate, others []*candidate, err error) {
	if len(found) == 0 {
		return nil, nil, nil
	}
	if len(found) == 1 {
		return found[0], nil, nil
	}
	if i := slices.IndexFunc(found, func(c *candidate) bool { return c.path == "." }); i >= 0 {
		chosen = found[i] // before Delete moves it
		return chosen, slices.Delete(found, i, i+1), nil
	}
	return nil, nil, fmt.Errorf("it holds %d plates: name one of %s", len(found), names(found))
}

func names(found []*candidate) string {
	texts := make([]string, len(found))
	for i, c := range found {
		texts[i] = c.describe()
	}
	return some(texts, 10)
}

// notAPlate says what was looked for and what was there instead.
func notAPlate(l *listing) string {
	if l.files == 0 {
		return "the folder holds no files"
	}
	var b strings.Builder
	b.WriteString("no microscope's plate was found; looked for ")
	for i, f := range formats() {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s (%s", f.name, f.grammar.example)
		if f.metadata != "" {
			fmt.Fprintf(&b, ", %s", f.metadata)
		}
		b.WriteString(")")
	}
	images, example := 0, ""
	for _, f := range l.folders {
		images += len(f.images)
		if example == "" && len(f.images) > 0 {
			example = path.Join(f.path, f.images[0])
		}
	}
	switch {
	case images > 0:
		fmt.Fprintf(&b, "; found %d TIFF files with other names, such as %s", images, example)
	default:
		fmt.Fprintf(&b, "; found %d files, no TIFF image among them", l.files)
	}
	return b.String()
}

// under returns the path of a file below the plate's folder.
func under(plate, file string) string {
	if plate == "." {
		return file
	}
	return strings.TrimPrefix(file, plate+"/")
}

// absolute joins the walked root and a path below it.
func absolute(root, below string) string { return filepath.Join(root, filepath.FromSlash(below)) }
