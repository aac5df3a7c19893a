package process

import (
	"fmt"
	"io"
	"os"
)

// Sizes of a worker's log. Between two looks it may grow beyond the cap.
const (
	logCap  = 16 << 20 // above this the middle goes
	logHead = 1 << 20  // kept from the attempt's start
	logTail = 1 << 20  // kept from the end
)

// capLog cuts the middle out of the attempt's part of a log that has grown
// above most bytes. The worker appends (O_APPEND) and never notices: what it
// writes during the cut is kept or lost, but its writes succeed and land at the
// end. The copy that passes through memory is the tail.
func capLog(path string, offset, most, head, tail int64) (cut int64, err error) {
	info, err := os.Stat(path)
	if err != nil || info.Size()-offset <= most {
		return 0, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return 0, fmt.Errorf("cap log: %w", err)
	}
	defer func() { _ = file.Close() }()
	size := info.Size()
	end := make([]byte, tail)
	if _, err := io.ReadFull(io.NewSectionReader(file, size-tail, tail), end); err != nil {
		return 0, fmt.Errorf("cap log: %w", err)
	}
	if err := file.Truncate(offset + head); err != nil {
		return 0, fmt.Errorf("cap log: %w", err)
	}
	cut = size - offset - head - tail
	mark := fmt.Sprintf("\n… %d bytes of log left out here …\n", cut)
	if _, err := file.Write(append([]byte(mark), end...)); err != nil {
		return cut, fmt.Errorf("cap log: %w", err)
	}
	return cut, nil
}
