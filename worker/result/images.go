package result

import (
	"path"
	"path/filepath"
	"strings"
)

// stageImages gathers the images that steps kept, as images/<step>/<file>. A
// file whose name does not start with its well gets it as a prefix, so that
// wells never collide.
func (p *mergePlan) stageImages(s *stage) error {
	for _, w := range p.wells {
		if w.result == nil {
			continue
		}
		for _, file := range w.result.outcome.Files {
			if !strings.HasPrefix(file.Path, imagesDir+"/") {
				continue
			}
			from := filepath.Join(w.result.dir, filepath.FromSlash(file.Path))
			file.Path = gathered(w.Well, file.Path)
			if err := s.image(from, file); err != nil {
				return err
			}
		}
	}
	return nil
}

func gathered(well, name string) string {
	dir, base := path.Split(name)
	rest, ok := strings.CutPrefix(base, well)
	if ok && (rest == "" || strings.IndexByte("_-. ", rest[0]) >= 0) {
		return name
	}
	return dir + well + "_" + base
}
