package plugin

import "os"

// PeakMemory is this process's highest resident size so far, in bytes and without
// pages of files: what a [Reply] has that names none. 0 = unknown.
func PeakMemory() int64 { return peakMemory(os.Getpid()) }
