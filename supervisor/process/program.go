package process

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/wellhouse-hcs/wellhouse/ipc/plugin"
)

// ownImage is the file that this very process was started from, where the system
// has such a name: also when its path means another file by now, or none.
const ownImage = "/proc/self/exe"

// program is what workers are started from.
type program struct {
	name  string // the path that a worker is listed by
	image string // the file that is executed
	built identity
}

// findProgram checks the worker program. Without one it is ours, and stays ours
// when the file is replaced or removed, as every update does it: a plate is
// computed by one build to its end. (Other systems take what the path has.)
func findProgram(binary string) (program, error) {
	p := program{name: binary, image: binary}
	if binary == "" {
		self, err := os.Executable()
		if err != nil {
			return p, fmt.Errorf("find own executable: %w", err)
		}
		p.name, p.image = self, self
		if _, err := os.Stat(ownImage); err == nil {
			p.image = ownImage
		}
	}
	info, err := os.Stat(p.image)
	switch {
	case err != nil:
		return p, fmt.Errorf("find worker binary: %w", err)
	case info.IsDir():
		return p, fmt.Errorf("find worker binary: %s is a folder", p.image)
	}
	p.built = identify(p.image)
	return p, nil
}

// identity of a binary's file: another build has another one.
type identity struct {
	size     int64
	modified time.Time
	inode    uint64
}

func identify(path string) identity {
	info, err := os.Stat(path)
	if err != nil {
		return identity{}
	}
	id := identity{size: info.Size(), modified: info.ModTime()}
	id.inode = inode(info)
	return id
}

// errReplaced is no mismatch: that is for good, and this is over with a restart,
// so the plate pauses.
var errReplaced = errors.New("the worker binary was replaced since the server started: restart the server")

// disagreement says why a worker whose types are not the server's is not used.
func (r *Runner) disagreement(theirs plugin.Description) error {
	if identify(r.program.image) != r.program.built {
		return errReplaced
	}
	return &mismatch{theirs: theirs, differences: r.differences(theirs)}
}
