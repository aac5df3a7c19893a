//go:build race

package harness

// raceDetector tells whether this test was built with it.
const raceDetector = true
