//go:build linux

package faults

import (
	"context"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/wellhouse-hcs/wellhouse/supervisor/internal/harness"
)

// share stands for a network file system: a real mount that passes everything
// through to a folder, until it is told to misbehave. A process that waits for it
// is stuck in the kernel as one on a dead server is, and no signal ends it.
type share struct {
	t   *testing.T
	dir string // where it is mounted

	mu      sync.Mutex
	faults  []*fault
	waiting chan struct{} // closed and replaced whenever an operation begins to hang
	changes []change      // since watch was called
	watched bool
}

// change is what was done to a file or folder, by its path below the mount.
type change struct {
	what     string // "write" (also of a new file), "flush", "rename", "link", "mkdir", "remove"
	path, to string // to: of a rename or link
}

// watch notes what is done from here on.
func (s *share) watch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = true
}

func (s *share) note(e syscall.Errno, c change) syscall.Errno {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watched && e == fs.OK {
		s.changes = append(s.changes, c)
	}
	return e
}

// use is what an operation wants of a file.
type use int

const (
	reading use = 1 << iota
	writing     // or anything else that takes room
	content     // of a file, to be read: a kind of reading
	both    = reading | writing
)

// fault is what happens to operations on the paths that match.
type fault struct {
	share   *share
	pattern *regexp.Regexp // on the path below the mount, "." for the mount itself
	uses    use
	errno   syscall.Errno
	hangs   chan struct{} // closed by lift; nil when errno is the answer
	hit     int           // operations it struck
}

// mountShare mounts a share with a folder behind it.
func mountShare(t *testing.T, w *harness.World, name string) *share {
	t.Helper()
	behind, dir := w.Path(name+"-server"), w.Path(name)
	for _, d := range []string{behind, dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &share{t: t, dir: dir, waiting: make(chan struct{})}
	loopback, err := fs.NewLoopbackRoot(behind)
	if err != nil {
		t.Fatal(err)
	}
	root := &node{loopback.(*fs.LoopbackNode), s}
	root.RootData.RootNode = root
	// The connection's descriptor is made without CLOEXEC, and a child that has it
	// would keep what hangs hanging when the test is gone.
	syscall.ForkLock.RLock()
	_, err = fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{
		DirectMountStrict: true, FsName: "wellhouse-test", Name: "share",
		MaxBackground: 1 << 10, // reads that hang keep nobody else from reading
		DisableXAttrs: true,
	}})
	closeOnExec("/dev/fuse")
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Skipf("a FUSE file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		s.mu.Lock()
		faults := slices.Clone(s.faults)
		s.mu.Unlock()
		for _, f := range faults {
			f.lift()
		}
		// It ends when nobody uses it any more, which the world's end sees to.
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount the share: %v", err)
		}
	})
	return s
}

// closeOnExec keeps this process's descriptors of a file from its children.
func closeOnExec(file string) {
	open, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && target == file {
			unix.CloseOnExec(fd)
		}
	}
}

// fail answers operations of this use on matching paths with an error.
func (s *share) fail(pattern string, uses use, errno syscall.Errno) *fault {
	return s.strike(&fault{pattern: regexp.MustCompile(pattern), uses: uses, errno: errno})
}

// hang answers operations on matching paths when it is lifted, not before.
func (s *share) hang(pattern string, uses use) *fault {
	return s.strike(&fault{pattern: regexp.MustCompile(pattern), uses: uses, hangs: make(chan struct{})})
}

func (s *share) strike(f *fault) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.share = s
	s.faults = append(s.faults, f)
	return f
}

// lift ends the fault; what hangs goes on. It may be called again.
func (f *fault) lift() {
	s := f.share
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.faults, f); i >= 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
		if f.hangs != nil {
			close(f.hangs)
		}
	}
}

// awaitHit waits until the fault struck.
func (f *fault) awaitHit(ctx context.Context) {
	f.share.t.Helper()
	for {
		f.share.mu.Lock()
		hit, next := f.hit, f.share.waiting
		f.share.mu.Unlock()
		if hit > 0 {
			return
		}
		select {
		case <-next:
		case <-ctx.Done():
			f.share.t.Fatalf("nothing uses %s", f.pattern)
		}
	}
}

// cover takes the mount out of sight, as if it was not mounted; what has files
// open there goes on. What is seen instead has room for results. The function it
// returns brings it back and may be called again. Whoever made anything in its place
// meanwhile fails the test.
func (s *share) cover() (back func()) {
	s.t.Helper()
	if err := unix.Mount("tmpfs", s.dir, "tmpfs", 0, "size=64m"); err != nil {
		s.t.Fatalf("cover the share: %v", err)
	}
	var once sync.Once
	back = func() {
		once.Do(func() {
			if made, err := os.ReadDir(s.dir); err != nil || len(made) > 0 {
				s.t.Errorf("in the mount's place there is %v, %v", made, err)
			}
			if err := unix.Unmount(s.dir, unix.MNT_DETACH); err != nil {
				s.t.Errorf("uncover the share: %v", err)
			}
		})
	}
	s.t.Cleanup(back)
	return back
}

// meet is what an operation meets on its way: an error, or nothing, perhaps late.
func (s *share) meet(path string, u use) syscall.Errno {
	for {
		s.mu.Lock()
		i := slices.IndexFunc(s.faults, func(f *fault) bool { return f.uses&u != 0 && f.pattern.MatchString(path) })
		if i < 0 {
			s.mu.Unlock()
			return fs.OK
		}
		f := s.faults[i]
		f.hit++
		close(s.waiting)
		s.waiting = make(chan struct{})
		s.mu.Unlock()
		if f.hangs == nil {
			return f.errno
		}
		<-f.hangs
	}
}

// node is a file or folder of a share.
type node struct {
	*fs.LoopbackNode
	share *share
}

func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{ops.(*fs.LoopbackNode), n.share}
}

func (n *node) meet(u use, child string) syscall.Errno {
	return n.share.meet(path.Join(".", n.Path(nil), child), u)
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.meet(reading, name); e != fs.OK {
		return nil, e
	}
	return n.LoopbackNode.Lookup(ctx, name, out)
}

func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if e := n.meet(reading, ""); e != fs.OK {
		return e
	}
	return n.LoopbackNode.Getattr(ctx, f, out)
}

func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	if e := n.meet(reading, ""); e != fs.OK {
		return e
	}
	return n.LoopbackNode.Statfs(ctx, out)
}

func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if e := n.meet(reading, ""); e != fs.OK {
		return nil, 0, e
	}
	f, used, e := n.LoopbackNode.OpendirHandle(ctx, flags)
	if e != fs.OK {
		return nil, 0, e
	}
	return openFolder{f.(folder), n}, used, e
}

// folder is what can be done to an open folder.
type folder interface {
	fs.FileReaddirenter
	fs.FileSeekdirer
	fs.FileFsyncdirer
	fs.FileReleasedirer
}

type openFolder struct {
	folder
	node *node
}

func (f openFolder) Fsyncdir(ctx context.Context, flags uint32) syscall.Errno {
	return f.node.share.note(f.folder.Fsyncdir(ctx, flags), change{what: "flush", path: path.Join(".", f.node.Path(nil))})
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	u := reading | content
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		u = writing
	}
	if e := n.meet(u, ""); e != fs.OK {
		return nil, 0, e
	}
	return n.LoopbackNode.Open(ctx, flags)
}

func (n *node) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if e := n.meet(reading|content, ""); e != fs.OK {
		return nil, e
	}
	return f.(fs.FileReader).Read(ctx, dest, off)
}

func (n *node) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if e := n.meet(writing, ""); e != fs.OK {
		return 0, e
	}
	written, e := f.(fs.FileWriter).Write(ctx, data, off)
	return written, n.share.note(e, change{what: "write", path: n.Path(nil)})
}

func (n *node) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	if e := n.meet(writing, ""); e != fs.OK {
		return e
	}
	return n.share.note(f.(fs.FileFsyncer).Fsync(ctx, flags), change{what: "flush", path: n.Path(nil)})
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	if e := n.meet(writing, name); e != fs.OK {
		return nil, nil, 0, e
	}
	made, f, used, e := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return made, f, used, n.share.note(e, change{what: "write", path: path.Join(n.Path(nil), name)})
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.meet(writing, name); e != fs.OK {
		return nil, e
	}
	made, e := n.LoopbackNode.Mkdir(ctx, name, mode, out)
	return made, n.share.note(e, change{what: "mkdir", path: path.Join(n.Path(nil), name)})
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if e := n.meet(writing, name); e != fs.OK {
		return nil, e
	}
	from := target.(*node).Path(nil)
	made, e := n.LoopbackNode.Link(ctx, target, name, out)
	return made, n.share.note(e, change{"link", from, path.Join(n.Path(nil), name)})
}

func (n *node) Rename(ctx context.Context, name string, to fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	if e := to.(*node).meet(reading, newName); e != fs.OK { // it takes no room
		return e
	}
	e := n.LoopbackNode.Rename(ctx, name, to, newName, flags)
	return n.share.note(e, change{"rename", path.Join(n.Path(nil), name), path.Join(to.(*node).Path(nil), newName)})
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if e := n.meet(reading, name); e != fs.OK {
		return e
	}
	return n.share.note(n.LoopbackNode.Unlink(ctx, name), change{what: "remove", path: path.Join(n.Path(nil), name)})
}

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno {
	if e := n.meet(reading, name); e != fs.OK {
		return e
	}
	return n.LoopbackNode.Rmdir(ctx, name)
}
