package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
)

// Sizes and places in SQLite's write-ahead log, from its file format document,
// section "The WAL File Format".
const (
	walHeader   = 32
	frameHeader = 24
	maxPage     = 65536
)

// tornBytes returns how many bytes at the end of SQLite's log belong to no whole
// commit: the remains of a write that was cut short, or damaged later. Frames
// that an earlier round of the log left behind are not counted.
func tornBytes(path string) (int64, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return torn(bufio.NewReaderSize(f, 1<<20), info.Size())
}

func torn(r io.Reader, size int64) (int64, error) {
	header := make([]byte, walHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return size, ignoreShort(err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if binary.BigEndian.Uint32(header)&1 == 1 {
		order = binary.BigEndian
	}
	sum := walSum{}.add(order, header[:24])
	if !sum.is(header[24:32]) {
		return size, nil
	}
	salts := string(header[16:24])
	page := binary.BigEndian.Uint32(header[8:12])
	if page > maxPage {
		return size, nil
	}
	frame := make([]byte, frameHeader+page)

	end, committed := int64(walHeader), int64(walHeader)
	for {
		n, err := io.ReadFull(r, frame)
		whole := err == nil
		if err := ignoreShort(err); err != nil {
			return 0, err
		}
		if n == 0 {
			return end - committed, nil
		}
		if !whole {
			return size - committed, nil
		}
		if string(frame[8:16]) != salts {
			return end - committed, nil // what follows is of an earlier round
		}
		if sum = sum.add(order, frame[:8]).add(order, frame[frameHeader:]); !sum.is(frame[16:24]) {
			return size - committed, nil
		}
		end += int64(len(frame))
		if binary.BigEndian.Uint32(frame[4:8]) != 0 { // the size of the database: set in a commit's last frame
			committed = end
		}
	}
}

func ignoreShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// walSum is the log's running checksum.
type walSum struct{ s0, s1 uint32 }

func (c walSum) add(order binary.ByteOrder, b []byte) walSum {
	for ; len(b) >= 8; b = b[8:] {
		c.s0 += order.Uint32(b) + c.s1
		c.s1 += order.Uint32(b[4:]) + c.s0
	}
	return c
}

func (c walSum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == c.s0 && binary.BigEndian.Uint32(b[4:]) == c.s1
}
