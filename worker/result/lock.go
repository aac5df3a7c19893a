package result

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrLocked is wrapped when a lock is held by somebody else.
var ErrLocked = errors.New("locked")

// Lock is an flock held on a file for as long as the process lives or until
// Release. Children do not inherit it across exec. The file stays: removing it
// would let two holders lock two files of one name.
type Lock struct{ file *os.File }

// TryLock locks the file at path without waiting, and writes holder (one line
// for people, such as "execution 7f3a, process 812") into it. When somebody
// else holds it the error is [ErrLocked] and names them.
func TryLock(path, holder string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := flock(f); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		text, _ := io.ReadAll(io.LimitReader(f, 512)) // only to name the holder
		by := strings.TrimSpace(cleanText(string(text)))
		if by == "" {
			by = "another process"
		}
		return nil, fmt.Errorf("%s is %w by %s", path, ErrLocked, by)
	}
	// A folder whose creation failed goes again, lock included: what was opened
	// before that keeps nobody out.
	if held, err := f.Stat(); err != nil || !isFile(path, held) {
		return nil, errors.Join(fmt.Errorf("%s is %w by another process", path, ErrLocked), err, f.Close())
	}
	l := &Lock{file: f}
	// The holder's name is a courtesy: on a full disk the lock still holds.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(holder+"\n"), 0)
	}
	return l, nil
}

func isFile(path string, held os.FileInfo) bool {
	there, err := os.Stat(path)
	return err == nil && os.SameFile(there, held)
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Release gives the lock up. It may be called once.
//
// It unlocks before it closes: a child that is being started at this moment has
// a copy of the descriptor until its exec, and the copy alone would go on
// holding the lock.
func (l *Lock) Release() error {
	if err := errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close()); err != nil {
		return fmt.Errorf("release lock: %w", err)
	}
	return nil
}
