package process

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

const (
	tailBytes = 256 << 10 // how much of a log's end is looked at
	tailLines = 40
	tailLine  = 400 // characters
)

// crashKind is what the Go runtime wrote before it ended the process.
type crashKind int

const (
	noCrash crashKind = iota
	crashPanic
	crashSignal // a signal that the program does not handle: segfault in C, abort
	crashMemory // the runtime or C could not get memory
	crashThread // a thread could not be started, for memory or for the number of them
)

type crash struct {
	kind    crashKind
	signal  syscall.Signal
	message string // "panic: index out of range [3] with length 2"
}

// readTail returns the end of the attempt's part of the log.
func readTail(path string, offset int64) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil
	}
	if info.Size() < offset {
		offset = 0 // it was cut
	}
	text := make([]byte, min(tailBytes, info.Size()-offset))
	n, err := file.ReadAt(text, info.Size()-int64(len(text)))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return text[:n]
}

// parseCrash finds the last crash in a log and where it begins. A Go program
// that dies of a panic or of most signals exits with code 2; its log is what
// tells which. See runtime/panic.go and runtime/signal_unix.go for the texts.
func parseCrash(log []byte) (found crash, begin int) {
	begin = len(log)
	for start := 0; start < len(log); {
		end := start + bytes.IndexByte(log[start:], '\n')
		if end < start {
			end = len(log)
		}
		if c := crashLine(log[start:end]); c.kind != noCrash {
			// A panic in a deferred call repeats the first with a tab before it,
			// and "fatal error" is followed by the signal: what comes first says most,
			// unless more than a trace lies between.
			if found.kind == noCrash || !sameTrace(log[begin:start]) {
				found, begin = c, start
			} else if c.kind == crashSignal && found.kind == crashPanic && diedOfSignal(found.message) {
				found.kind, found.signal = crashSignal, c.signal
			}
		}
		start = end + 1
	}
	if found.kind == noCrash || bytes.HasPrefix(log[begin:], []byte("[signal ")) { // which follows something
		if c, at := crashInLine(log); c.kind != noCrash {
			if c.kind == crashPanic && found.kind == crashSignal && diedOfSignal(c.message) {
				c.kind, c.signal = crashSignal, found.signal
			}
			found, begin = c, at
		}
	}
	if found.kind == crashPanic && bytes.Contains(log[begin:], []byte("[signal SIGBUS")) {
		found.signal = sigBus
	}
	return found, begin
}

// crashInLine is parseCrash for a crash that does not begin a line, since what the
// program wrote before did not end its own. What follows tells it from mere words.
func crashInLine(log []byte) (found crash, begin int) {
	for _, after := range []string{"\n\ngoroutine ", "\n\nruntime stack:", "\n[signal SIG"} {
		end := bytes.LastIndex(log, []byte(after))
		if end < 0 {
			continue
		}
		start := bytes.LastIndexByte(log[:end], '\n') + 1
		for _, words := range []string{"panic: ", "fatal error: "} {
			if at := bytes.Index(log[start:end], []byte(words)); at >= 0 {
				return crashLine(log[start+at : end]), start + at
			}
		}
	}
	return crash{}, len(log)
}

// diedOfSignal tells the runtime's own words for a signal from a panic; they say
// which one further down. "fault" is a write to memory that is not there.
func diedOfSignal(message string) bool {
	return strings.HasPrefix(message, "fatal error: unexpected signal") || message == "fatal error: fault"
}

// sameTrace tells whether the text between two crash lines belongs to the first.
func sameTrace(between []byte) bool {
	return len(between) < 2048 && !bytes.Contains(between, []byte("\ngoroutine "))
}

func crashLine(line []byte) crash {
	text := string(line[:min(len(line), 1000)])
	switch {
	case strings.HasPrefix(text, "panic: "):
		return crash{kind: crashPanic, message: text}
	case strings.HasPrefix(text, "fatal error: "), strings.HasPrefix(text, "runtime: out of memory"):
		kind := crashPanic
		for _, memory := range []string{"out of memory", "cannot allocate memory"} {
			if strings.Contains(text, memory) {
				kind = crashMemory
			}
		}
		return crash{kind: kind, message: text}
	case strings.HasPrefix(text, "runtime/cgo: pthread_create failed: "), strings.HasPrefix(text, "runtime: failed to create new OS thread"),
		strings.HasPrefix(text, "Resource temporarily unavailable (src/thread.cpp:"): // of libzmq, before it aborts
		return crash{kind: crashThread, message: text}
	case strings.HasPrefix(text, "SIG"):
		name, rest, found := strings.Cut(text, ": ")
		if signal := signalNumber(name); found && signal != 0 && rest != "" {
			return crash{kind: crashSignal, signal: signal, message: text}
		}
	case strings.Contains(text, "[signal SIG") && strings.HasPrefix(text, "[signal "):
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "[signal "), ":")
		if signal := signalNumber(name); signal != 0 {
			return crash{kind: crashSignal, signal: signal, message: text}
		}
	}
	return crash{}
}

func signalNumber(name string) syscall.Signal {
	for signal, known := range map[syscall.Signal]string{
		syscall.SIGABRT: "SIGABRT", syscall.SIGSEGV: "SIGSEGV", syscall.SIGFPE: "SIGFPE",
		syscall.SIGILL: "SIGILL", syscall.SIGQUIT: "SIGQUIT", syscall.SIGTRAP: "SIGTRAP", sigBus: "SIGBUS",
	} {
		if known == name {
			return signal
		}
	}
	return 0
}

// cleanLines makes text from whatever a worker wrote: valid UTF-8 without
// control characters, in lines of bounded length; the first ones of a crash,
// else the last ones.
func cleanLines(log []byte, crashed bool) []string {
	log = bytes.TrimRight(log, "\n\x00")
	if len(log) == 0 {
		return nil
	}
	raw := bytes.Split(log, []byte{'\n'})
	if len(raw) > tailLines {
		if crashed {
			raw = raw[:tailLines]
		} else {
			raw = raw[len(raw)-tailLines:]
		}
	}
	lines := make([]string, len(raw))
	for i, line := range raw {
		lines[i] = cleanLine(line)
	}
	return lines
}

func cleanLine(line []byte) string {
	var b strings.Builder
	for n := 0; len(line) > 0; n++ {
		if n == tailLine {
			b.WriteString(" …")
			break
		}
		r, size := utf8.DecodeRune(line)
		line = line[size:]
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError || unicode.IsControl(r):
			b.WriteRune('�')
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
