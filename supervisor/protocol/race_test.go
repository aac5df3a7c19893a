//go:build race

package protocol

// wells is how many the plate has that pings are sent beside: a process takes
// several times as long under the race detector.
const wells = 48
