package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// refuseNetwork returns [ErrNetworkFileSystem] when dir is not on a local file system.
func refuseNetwork(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at file system of %s: %w", dir, err)
	}
	if st.Flags&unix.MNT_LOCAL == 0 {
		return networkError(dir, unix.ByteSliceToString(st.Fstypename[:]))
	}
	return nil
}
