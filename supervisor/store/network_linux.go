package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// refuseNetwork returns [ErrNetworkFileSystem] when dir is on a file system whose
// locks and memory maps are not those of one machine.
func refuseNetwork(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("look at file system of %s: %w", dir, err)
	}
	if name := networkName(uint32(st.Type)); name != "" {
		return networkError(dir, name)
	}
	return nil
}

// networkName names the network file system with this magic number, "" for all
// others. The numbers are those of statfs(2).
func networkName(magic uint32) string {
	switch magic {
	case 0x6969:
		return "NFS"
	case 0x517b, 0xff534d42, 0xfe534d42:
		return "SMB"
	case 0x65735546:
		// Local ones exist, but which lies behind it cannot be told.
		return "FUSE"
	case 0x5346414f, 0x6b414653:
		return "AFS"
	case 0x00c36400:
		return "Ceph"
	case 0x0bd00bd0:
		return "Lustre"
	case 0x01021997:
		return "9P"
	case 0x47504653:
		return "GPFS"
	case 0x19830326:
		return "BeeGFS"
	case 0x7461636f:
		return "OCFS2"
	case 0x01161970:
		return "GFS2"
	case 0x73757245:
		return "Coda"
	case 0x20030528:
		return "OrangeFS"
	case 0xaad7aaea:
		return "PanFS"
	case 0x786f4256:
		return "VirtualBox shared folder"
	}
	return ""
}
