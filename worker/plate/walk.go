package plate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxDepth    = 24      // folders below the plate's
	maxFiles    = 5000000 // a 1536-well plate of 16 fields, 4 channels and 50 planes
	resultsMark = ".wellhouse"
)

// folder is one folder that holds images or metadata.
type folder struct {
	path     string   // below the walked root, slash-separated; "." is the root
	images   []string // base names of TIFF files that are not thumbnails
	metadata []string // base names a format knows
}

// listing is what one walk found.
type listing struct {
	folders  []folder // sorted by path, naturally
	files    int      // of any kind
	links    []string // symbolic links to folders, not followed
	tooDeep  []string
	unopened []string // folders that could not be opened, with the reason
}

// walk lists everything below root once. Symbolic links to folders are not
// followed: they can lead in circles or out of the plate. Hidden folders and
// Wellhouse's own results are passed over.
func walk(root string, isMetadata func(name string) bool) (*listing, error) {
	l := &listing{}
	if err := l.enter(root, ".", 0, isMetadata); err != nil {
		return nil, err
	}
	slices.SortFunc(l.folders, func(a, b folder) int { return CompareNatural(a.path, b.path) })
	return l, nil
}

func (l *listing) enter(root, at string, depth int, isMetadata func(string) bool) error {
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(at)))
	if err != nil && at == "." {
		return err
	}
	if err != nil {
		l.unopened = append(l.unopened, fmt.Sprintf("%s: %v", at, withoutPath(err)))
		return nil
	}
	f := folder{path: at}
	var below []string
	for _, entry := range entries {
		name := entry.Name()
		if name == resultsMark && at != "." {
			return nil // results of a run, put beside the images
		}
		if strings.HasPrefix(name, ".") {
			continue
		}
		mode := entry.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := os.Stat(filepath.Join(root, filepath.FromSlash(at), name))
			if err == nil && info.IsDir() {
				l.links = append(l.links, path.Join(at, name))
				continue
			}
			if err == nil {
				mode = info.Mode().Type()
			} else {
				mode = 0 // a dangling link is an image that cannot be read, not one that is absent
			}
		}
		switch {
		case mode.IsDir():
			below = append(below, name)
		case !mode.IsRegular():
		default:
			if l.files++; l.files > maxFiles {
				return fmt.Errorf("more than %d files: name the folder of one plate", maxFiles)
			}
			if isMetadata(name) {
				f.metadata = append(f.metadata, name)
			} else if isImage(name) && !isThumbnail(name) {
				f.images = append(f.images, name)
			}
		}
	}
	if len(f.images) > 0 || len(f.metadata) > 0 {
		l.folders = append(l.folders, f)
	}
	for _, name := range below {
		if depth == maxDepth {
			l.tooDeep = append(l.tooDeep, path.Join(at, name))
			continue
		}
		if err := l.enter(root, path.Join(at, name), depth+1, isMetadata); err != nil {
			return err
		}
	}
	return nil
}

// warnings says what the walk passed over.
func (l *listing) warnings() []string {
	var warnings []string
	for _, w := range []struct {
		what  string
		names []string
	}{
		{"not followed, because they are symbolic links to folders", l.links},
		{fmt.Sprintf("not looked into, because they are more than %d folders deep", maxDepth), l.tooDeep},
		{"not looked into", l.unopened},
	} {
		if len(w.names) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s: %s", w.what, some(w.names, 5)))
		}
	}
	return warnings
}

// some lists the first names for a message: "a, b and 3 more".
func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// plateFolder returns root as an absolute path, or says why it cannot be one.
func plateFolder(dir string) (string, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("open plate %s: %w", dir, err)
	}
	info, err := os.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("open plate %s: there is no such folder", dir)
	case err != nil:
		return "", fmt.Errorf("open plate %s: %w", dir, withoutPath(err))
	case !info.IsDir():
		return "", fmt.Errorf("open plate %s: it is a file: name the folder that holds the images", dir)
	}
	return root, nil
}
