package store

import (
	"errors"
	"strings"
	"testing"
)

func TestNetworkFileSystemsAreNamed(t *testing.T) {
	t.Parallel()
	if err := refuseNetwork(t.TempDir()); err != nil {
		t.Skip("the tests themselves run on a network file system:", err)
	}
	for magic, want := range map[uint32]string{0x6969: "NFS", 0xfe534d42: "SMB", 0x65735546: "FUSE", 0xef53: "", 0x01021994: ""} {
		if got := networkName(magic); got != want {
			t.Errorf("%#x is %q, want %q", magic, got, want)
		}
	}
	err := networkError("/somewhere", "NFS")
	if !errors.Is(err, ErrNetworkFileSystem) || !strings.Contains(err.Error(), "--data-dir") {
		t.Error(err)
	}
}
