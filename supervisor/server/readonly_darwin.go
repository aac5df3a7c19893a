package server

import "golang.org/x/sys/unix"

// readOnly is the flag of a file system that is mounted read-only.
const readOnly = unix.MNT_RDONLY
