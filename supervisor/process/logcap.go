package process

import (
	"fmt"
	"os"
)

// Sizes of a worker's log. Between two looks it may grow beyond the cap.
const (
	logCap  = 16 << 20 // above this the middle goes
	logHead = 1 << 20  // kept from the attempt's start
	// Kept from the end. Less than what is searched for a crash (tailBytes):
	// see copyTail.
	logTail = 128 << 10
)

// capLog cuts the middle out of the attempt's part of a log that has grown
// above most bytes, and returns how much went. The worker appends (O_APPEND)
// and never notices: its writes succeed and land at the end.
func capLog(path string, offset, most, head, tail int64) (cut int64, err error) {
	info, err := os.Stat(path)
	if err != nil || info.Size()-offset <= most {
		return 0, err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("cap log: %w", err)
	}
	defer func() { _ = file.Close() }()
	size := info.Size()
	from := (offset + head + logBlock - 1) / logBlock * logBlock
	if cut = (size - tail - from) / logBlock * logBlock; cut > 0 && collapse(file, from, cut) == nil {
		// Over the end of what was kept: there is no room between.
		mark := leftOut(cut)
		_, err = file.WriteAt(mark, from-int64(len(mark)))
	} else {
		cut, err = copyTail(file, size, offset+head, tail)
	}
	if err != nil {
		return cut, fmt.Errorf("cap log: %w", err)
	}
	return cut, nil
}

// logBlock is a multiple of every usual file system's block size.
const logBlock = 64 << 10

func leftOut(cut int64) []byte {
	return fmt.Appendf(nil, "\n… %d bytes of log left out here …\n", cut)
}

// copyTail cuts where the file system cannot take out a range: the end of the
// file is copied to the place of the cut. What the worker writes meanwhile is
// lost, or comes before the copy.
func copyTail(file *os.File, size, from, tail int64) (int64, error) {
	end := make([]byte, tail)
	if _, err := file.ReadAt(end, size-tail); err != nil {
		return 0, err
	}
	if err := file.Truncate(from); err != nil {
		return 0, err
	}
	cut := size - from - tail
	appending, err := os.OpenFile(file.Name(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return cut, err
	}
	defer func() { _ = appending.Close() }()
	_, err = appending.Write(append(leftOut(cut), end...))
	return cut, err
}
