//go:build unix && !linux

package plugin

import (
	"os"

	"golang.org/x/sys/unix"
)

// redirect makes the standard stream's descriptor mean the target's file.
func redirect(target, standard *os.File) error {
	return unix.Dup2(int(target.Fd()), int(standard.Fd()))
}
