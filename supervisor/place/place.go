// Package place says where state, logs and sockets live: XDG directories, made
// private to their user, with a fallback where the run-time directory is unset
// or its path too long for a socket.
//
// Everything is derived from an environment handed in; nothing is remembered.
package place

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxSocketDir keeps the sockets below it under the kernel's 108 bytes.
const maxSocketDir = 69

// DefaultPort is the data port of an execution server.
const DefaultPort = 7777

// ControlOffset is how far a control port is above its data port, unless it is
// set otherwise. Existing clients count on it.
const ControlOffset = 1000

// Places are the directories of one user's servers.
type Places struct {
	State string // records and logs; survives a reboot
	Run   string // sockets and locks; short enough for a socket's path
}

// Find derives the places from the environment, as $XDG_STATE_HOME and
// $XDG_RUNTIME_DIR say. A data directory, when given, holds everything that
// survives and has run-time places of its own.
func Find(getenv func(string) string, dataDir string) (Places, error) {
	state := getenv("XDG_STATE_HOME")
	if state == "" {
		home := getenv("HOME")
		if home == "" {
			return Places{}, errors.New("find state directory: neither XDG_STATE_HOME nor HOME is set: use --data-dir DIR")
		}
		state = filepath.Join(home, ".local", "state")
	}
	p := Places{State: filepath.Join(state, "wellhouse")}
	if dataDir != "" {
		abs, err := filepath.Abs(dataDir)
		if err != nil {
			return Places{}, fmt.Errorf("resolve data directory: %w", err)
		}
		p.State = abs
	}
	run := getenv("XDG_RUNTIME_DIR")
	if run != "" {
		run = filepath.Join(run, "wellhouse")
	}
	if run == "" || len(run) > maxSocketDir-len("/0123456789abcdef") || !writableParent(run) {
		run = filepath.Join(os.TempDir(), "wellhouse-"+strconv.Itoa(os.Getuid()))
	}
	if len(run) > maxSocketDir-len("/0123456789abcdef") {
		run = filepath.Join("/tmp", "wellhouse-"+strconv.Itoa(os.Getuid()))
	}
	p.Run = run
	return p, nil
}

func writableParent(dir string) bool {
	info, err := os.Stat(filepath.Dir(dir))
	return err == nil && info.IsDir()
}

// Store is the file of durable records.
func (p Places) Store() string { return filepath.Join(p.State, "wellhouse.db") }

// Lock is held by the server that works on this state.
func (p Places) Lock() string { return filepath.Join(p.State, "server.lock") }

// Logs is the directory of log files.
func (p Places) Logs() string { return filepath.Join(p.State, "logs") }

// Workers is the directory of the workers' sockets: short, and its own for each
// state directory, so that two servers never sweep each other's.
func (p Places) Workers() string {
	sum := sha256.Sum256([]byte(p.State))
	return filepath.Join(p.Run, "w"+hex.EncodeToString(sum[:5]))
}

// Socket is the path of the IPC socket for a port.
func (p Places) Socket(port int) string {
	return filepath.Join(p.Run, "wellhouse-"+strconv.Itoa(port)+".sock")
}

// PortLock is held by the server that has bound the port's sockets.
func (p Places) PortLock(port int) string { return p.Socket(port) + ".lock" }

// StartLock serialises clients that start a server for the port.
func (p Places) StartLock(port int) string { return p.Socket(port) + ".startup.lock" }

// Endpoint is the ZeroMQ address of an IPC socket.
func Endpoint(path string) string { return "ipc://" + path }

// Make creates the directories, private to the user, and refuses one that
// belongs to somebody else or lets others in.
func (p Places) Make() error {
	for _, dir := range []string{p.State, p.Logs(), p.Run, p.Workers()} {
		if err := private(dir); err != nil {
			return err
		}
	}
	return nil
}

func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create %s: %w", dir, err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory: remove it, or set XDG_RUNTIME_DIR", dir)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: it cannot be trusted with sockets; set XDG_RUNTIME_DIR", dir, st.Uid)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("make %s private: %w", dir, err)
		}
	}
	return nil
}
