//go:build failpoint

package engine

import "time"

// firstBackoff is short where servers are stopped at hundreds of places and each
// stop may cost an attempt.
const firstBackoff = 50 * time.Millisecond
