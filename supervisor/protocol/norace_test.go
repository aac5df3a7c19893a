//go:build !race

package protocol

// wells is how many the plate has that pings are sent beside.
const wells = 384
