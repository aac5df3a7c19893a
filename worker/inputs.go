package worker

import (
	"slices"
	"strings"
	"sync"

	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// inputs collects the digests of the images that were read, each once. It is
// safe for concurrent use.
type inputs struct {
	mu    sync.Mutex
	files map[string]result.FileDigest
}

// add digests an image. It is in the page cache, having just been read.
func (in *inputs) add(root, path string) error {
	in.mu.Lock()
	_, known := in.files[path]
	in.mu.Unlock()
	if known {
		return nil // read again by a step from pipeline_start
	}
	digest, err := result.Digest(root, path)
	if err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.files == nil {
		in.files = make(map[string]result.FileDigest)
	}
	in.files[path] = digest
	return nil
}

// list returns the digests sorted by path.
func (in *inputs) list() []result.FileDigest {
	in.mu.Lock()
	defer in.mu.Unlock()
	list := make([]result.FileDigest, 0, len(in.files))
	for _, digest := range in.files {
		list = append(list, digest)
	}
	slices.SortFunc(list, func(a, b result.FileDigest) int { return strings.Compare(a.Path, b.Path) })
	return list
}
