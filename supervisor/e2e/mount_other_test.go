//go:build !linux

package e2e

import "testing"

func mount(t *testing.T, _, _ string, _ bool) {
	t.Helper()
	t.Skip("small file systems are mounted on Linux only")
}
