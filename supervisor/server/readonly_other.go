//go:build !linux && !darwin

package server

// readOnly is unknown here: a write will tell.
const readOnly = 0
