package control

import (
	"fmt"

	zmq "github.com/pebbe/zmq4"
)

// NewKeys makes a CURVE key pair, 40 characters of Z85 each.
func NewKeys() (public, secret string, err error) {
	public, secret, err = zmq.NewCurveKeypair()
	if err != nil {
		return "", "", fmt.Errorf("make keys: %w", err)
	}
	return public, secret, nil
}
