//go:build !failpoint

package engine

import "time"

const firstBackoff = time.Second
