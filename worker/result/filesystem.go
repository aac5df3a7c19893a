package result

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/google/renameio/v2"
)

// fileSystem is the few operations through which this package changes a disk.
// The zero value works on the real one; tests stop it before any of them.
type fileSystem struct {
	// before is called ahead of every change with what is about to happen;
	// an error stops there, as a crash would.
	before func(operation, path string) error
}

// errStopped is what before returns to stop as a killed process does: nothing
// after it happens, clean-up included.
var errStopped = errors.New("stopped")

func (s fileSystem) stopped(err error) bool { return errors.Is(err, errStopped) }

func (s fileSystem) step(operation, path string) error {
	if s.before == nil {
		return nil
	}
	return s.before(operation, path)
}

// writeFile replaces path by content, as writeStream does.
func (s fileSystem) writeFile(path string, content []byte) error {
	return s.writeStream(path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// writeStream replaces path by what write gives: written aside, flushed,
// renamed, and the rename flushed too (renameio leaves that last part to its
// caller).
func (s fileSystem) writeStream(path string, write func(io.Writer) error) error {
	if err := s.step("create", path); err != nil {
		return err
	}
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("create file: %w", err)
	}
	err = write(stepWriter{s, f.File, path})
	if err == nil {
		err = s.step("rename", path)
	}
	if err == nil {
		err = f.CloseAtomicallyReplace()
	}
	if err != nil {
		if s.stopped(err) { // a stopped process cleans nothing up
			return errors.Join(err, f.File.Close())
		}
		return errors.Join(fmt.Errorf("write file: %w", err), f.Cleanup())
	}
	return s.syncDir(filepath.Dir(path))
}

// writeAside is writeStream without any flush, for files that something else
// flushes before it relies on them.
func (s fileSystem) writeAside(path string, write func(io.Writer) error) error {
	aside := filepath.Join(filepath.Dir(path), "."+filepath.Base(path))
	f, err := s.create(aside)
	if err != nil {
		return err
	}
	err = errors.Join(write(stepWriter{s, f, path}), f.Close())
	if err == nil {
		err = s.rename(aside, path)
	}
	switch {
	case err == nil || s.stopped(err):
		return err
	default:
		return errors.Join(fmt.Errorf("write file: %w", err), os.Remove(aside))
	}
}

// stepWriter stops a write in its middle, when a test wants that.
type stepWriter struct {
	fs   fileSystem
	file *os.File
	path string
}

func (w stepWriter) Write(b []byte) (int, error) {
	if w.fs.before == nil {
		return w.file.Write(b)
	}
	half, err := w.file.Write(b[:len(b)/2])
	if err != nil {
		return half, err
	}
	if err := w.fs.step("write", w.path); err != nil {
		return half, err
	}
	rest, err := w.file.Write(b[half:])
	return half + rest, err
}

// flushFile flushes a file that somebody else wrote and returns its digest.
func (s fileSystem) flushFile(path, name string) (FileDigest, error) {
	if err := s.step("flush", path); err != nil {
		return FileDigest{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return FileDigest{}, fmt.Errorf("flush file: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return FileDigest{}, fmt.Errorf("flush file: %w", err)
	}
	return digestOpen(f, name)
}

func (s fileSystem) makeDir(path string) error {
	if err := s.step("mkdir", path); err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	return nil
}

func (s fileSystem) rename(from, to string) error {
	if err := s.step("rename", to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("move into place: %w", err)
	}
	return nil
}

func (s fileSystem) removeAll(path string) error {
	if err := s.step("remove", path); err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
}

// removeFile removes a file. A folder in its place is somebody else's and stays.
func (s fileSystem) removeFile(path string) error {
	if err := s.step("remove", path); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err == nil && !info.IsDir() {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
}

// link makes to the same file as from, or a copy where the file system has no
// hard links.
func (s fileSystem) link(from, to string) error {
	if err := s.step("link", to); err != nil {
		return err
	}
	err := os.Link(from, to)
	if err == nil {
		return nil
	}
	if NoSpace(err) {
		return fmt.Errorf("link file: %w", err)
	}
	content, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy file: %w", err)
	}
	defer content.Close()
	out, err := s.create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.ReadFrom(content); err != nil {
		return fmt.Errorf("copy file: %w", err)
	}
	if err := out.Sync(); err != nil {
		return fmt.Errorf("flush file: %w", err)
	}
	return nil
}

// create opens a new or emptied file for writing in place; only for staging.
func (s fileSystem) create(path string) (*os.File, error) {
	if err := s.step("create", path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create file: %w", err)
	}
	return f, nil
}

func (s fileSystem) syncDir(path string) error {
	if err := s.step("flush", path); err != nil {
		return err
	}
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("flush folder: %w", err)
	}
	defer d.Close()
	// Some network file systems cannot flush a folder and say so by EINVAL;
	// there a rename is as durable as the server makes it.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return fmt.Errorf("flush folder: %w", err)
	}
	return nil
}

// NoSpace reports whether an error of this package comes from a full disk or
// an exhausted quota: a reason to pause, not to give up.
func NoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Away reports whether an error is of a file system that cannot be reached for
// now, as a network share whose server is away: a reason to wait. EIO is none of
// these errors: it may be the disk's last word.
func Away(err error) bool {
	return slices.ContainsFunc([]syscall.Errno{
		syscall.ESTALE, syscall.ENOTCONN, syscall.ETIMEDOUT, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ESHUTDOWN,
	}, func(errno syscall.Errno) bool { return errors.Is(err, errno) })
}
