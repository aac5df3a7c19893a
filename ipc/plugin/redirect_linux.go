package plugin

import (
	"os"

	"golang.org/x/sys/unix"
)

// redirect makes the standard stream's descriptor mean the target's file.
// Dup3, since Dup2 is missing on newer architectures.
func redirect(target, standard *os.File) error {
	return unix.Dup3(int(target.Fd()), int(standard.Fd()), 0)
}
