package result

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	mergedFile = "merged.json"
	mergedKind = "wellhouse.merged"
)

// merged lists the files that merges put into the folder, so that a later one
// removes what it no longer makes, and nothing that it did not make.
type merged struct {
	Files []string `json:"files"`
}

// stage holds the files of one merge until all are whole and flushed.
type stage struct {
	folder *Folder
	dir    string
	files  []FileDigest // in the order they are published
	kept   map[string]bool
}

func (f *Folder) stage() (*stage, error) {
	s := &stage{folder: f, dir: f.hidden("merge"), kept: map[string]bool{}}
	if err := f.fs.removeAll(s.dir); err != nil {
		return nil, err
	}
	if err := f.fs.makeDir(s.dir); err != nil {
		return nil, err
	}
	return s, nil
}

// file stages one file by streaming it.
func (s *stage) file(name string, write func(io.Writer) error) (err error) {
	f, err := s.folder.fs.create(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum, size := sha256.New(), int64(0)
	buffer := bufio.NewWriterSize(stepWriter{s.folder.fs, f, name}, 256<<10)
	count := writerFunc(func(b []byte) (int, error) {
		size += int64(len(b))
		return len(b), nil
	})
	if err := write(io.MultiWriter(buffer, sum, count)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := s.folder.fs.step("flush", name); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", name, err)
	}
	s.files = append(s.files, FileDigest{Path: name, Bytes: size, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return nil
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(b []byte) (int, error) { return w(b) }

// image stages a well's image without copying it where the file system can.
// One that is in its place already stays there.
func (s *stage) image(from string, file FileDigest) error {
	s.files = append(s.files, file)
	source, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("find image: %w", err)
	}
	if there, err := os.Stat(s.target(file.Path)); err == nil && os.SameFile(source, there) {
		s.kept[file.Path] = true
		return nil
	}
	to := filepath.Join(s.dir, filepath.FromSlash(file.Path))
	if _, err := os.Stat(filepath.Dir(to)); errors.Is(err, fs.ErrNotExist) {
		if err := s.folder.fs.makeDir(filepath.Dir(to)); err != nil {
			return err
		}
	}
	return s.folder.fs.link(from, to)
}

func (s *stage) target(name string) string {
	return filepath.Join(s.folder.out, filepath.FromSlash(name))
}

// publish moves everything into place, the manifest last, and then removes
// what an earlier merge made and this one did not.
func (s *stage) publish() error {
	fsys := s.folder.fs
	record := s.folder.hidden(mergedFile)
	var before merged
	// A damaged list costs at worst some stale files, which stay.
	err := readRecord(record, mergedKind, &before)
	damaged := errors.Is(err, ErrInvalid)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !damaged {
		return err
	}
	now := make([]string, 0, len(s.files))
	made := map[string]bool{}
	for _, file := range s.files {
		now = append(now, file.Path)
		made[file.Path] = true
	}
	if err := s.refuseForeign(before.Files, !damaged); err != nil {
		return err
	}
	both := slices.Concat(before.Files, now)
	slices.Sort(both)
	both = slices.Compact(both)
	if err := writeRecord(fsys, record, mergedKind, merged{Files: both}); err != nil {
		return err
	}
	if err := s.move(); err != nil {
		return err
	}
	for _, name := range before.Files {
		if !made[name] && filepath.IsLocal(filepath.FromSlash(name)) && !strings.HasPrefix(name, hiddenDir) {
			if err := fsys.removeFile(s.target(name)); err != nil {
				return err
			}
		}
	}
	if err := writeRecord(fsys, record, mergedKind, merged{Files: now}); err != nil {
		return err
	}
	return fsys.removeAll(s.dir)
}

// refuseForeign refuses to replace what is not of an earlier merge: somebody put
// it there since. Whether a file is one of ours shows only where the list of ours
// is known.
func (s *stage) refuseForeign(before []string, known bool) error {
	ours := make(map[string]bool, len(before))
	for _, name := range before {
		ours[name] = true
	}
	for _, file := range s.files {
		if s.kept[file.Path] {
			continue
		}
		info, err := os.Lstat(s.target(file.Path))
		if err == nil && (info.IsDir() || known && !ours[file.Path]) {
			return fmt.Errorf("%s is in the way and not of an earlier run: move it somewhere else", s.target(file.Path))
		}
	}
	return nil
}

func (s *stage) move() error {
	folders := map[string]bool{}
	for _, file := range s.files {
		if s.kept[file.Path] {
			continue
		}
		if folder := path.Dir(file.Path); !folders[folder] {
			if err := s.folder.fs.makeDir(s.target(folder)); err != nil {
				return err
			}
			for ; !folders[folder]; folder = path.Dir(folder) { // up to ".", the results folder itself
				folders[folder] = true
			}
		}
		if err := s.folder.fs.rename(filepath.Join(s.dir, filepath.FromSlash(file.Path)), s.target(file.Path)); err != nil {
			return err
		}
	}
	for folder := range folders {
		if err := s.folder.fs.syncDir(s.target(folder)); err != nil {
			return err
		}
	}
	return nil
}

// abandon leaves the folder as it was before the merge. It is best effort: a
// later Open removes what stays.
func (s *stage) abandon() { _ = s.folder.fs.removeAll(s.dir) }
