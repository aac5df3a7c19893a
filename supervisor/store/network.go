//go:build linux || darwin

package store

import "fmt"

func networkError(dir, name string) error {
	return fmt.Errorf("%w: %s is on %s, where the server's state can be damaged; choose a local folder with --data-dir (plates and results may stay where they are)",
		ErrNetworkFileSystem, dir, name)
}
