//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

func TestLogTorture(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, code := range []int{0, 4} {
		spec := f.spec(fmt.Sprintf("A0%d", code), order{Do: "torture", Number: code})
		got := f.run(spec)
		if want := map[int]enums.ExitReason{0: enums.ReasonOK, 4: enums.ReasonPanic}[code]; got.Reason != want {
			t.Errorf("got %+v", got)
		}
		text, err := os.ReadFile(spec.LogPath)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) < 10<<20 || !bytes.Contains(text, []byte(`{"@message": 5}`)) {
			t.Errorf("log has %d bytes", len(text))
		}
		for _, line := range got.LogTail {
			if !utf8.ValidString(line) || strings.ContainsRune(line, 0) || len(line) > 4*tailLine {
				t.Errorf("unclean line of %d bytes", len(line))
			}
		}
	}
}

func TestLogIsKeptToACap(t *testing.T) {
	f := newFixture(t, nil)
	megabytes := 1024
	if testing.Short() {
		megabytes = 100
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spec := f.spec("A01", order{Do: "log", Number: megabytes})
	got := f.run(spec)
	runtime.ReadMemStats(&after)
	if got.Reason != enums.ReasonOK {
		t.Fatalf("got %+v", got)
	}
	info, err := os.Stat(spec.LogPath)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > logCap+1<<20 {
		t.Errorf("log has %d bytes", info.Size())
	}
	text, err := os.ReadFile(spec.LogPath)
	if err != nil || !bytes.Contains(text, []byte("bytes of log left out")) {
		t.Errorf("no mark in %d bytes: %v", len(text), err)
	}
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
		t.Errorf("server grew by %d bytes", grown)
	}
}

func TestCapLogKeepsHeadAndTail(t *testing.T) {
	t.Parallel()
	const most, head, tail = 1 << 20, 100 << 10, 100 << 10
	for name, by := range map[string]func(path string, offset int64) (int64, error){
		"as the file system can": func(path string, offset int64) (int64, error) {
			return capLog(path, offset, most, head, tail)
		},
		"by copying": func(path string, offset int64) (int64, error) {
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return 0, err
			}
			defer file.Close()
			info, err := file.Stat()
			if err != nil {
				return 0, err
			}
			return copyTail(file, info.Size(), offset+head, tail)
		},
	} {
		path := filepath.Join(t.TempDir(), "log")
		earlier := "an earlier attempt\n"
		var text strings.Builder
		text.WriteString(earlier)
		for n := range 200_000 {
			fmt.Fprintf(&text, "line %d\n", n)
		}
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		worker, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer worker.Close()
		cut, err := by(path, int64(len(earlier)))
		if err != nil || cut == 0 {
			t.Fatal(name, cut, err)
		}
		if _, err := worker.WriteString("after\n"); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(path)
		if !bytes.HasPrefix(got, []byte(earlier+"line 0\nline 1\n")) || !bytes.HasSuffix(got, []byte("line 199998\nline 199999\nafter\n")) ||
			!bytes.Contains(got, leftOut(cut)) || len(got) > most {
			t.Errorf("%s: log has %d bytes: %.60q … %q", name, len(got), got, got[max(0, len(got)-60):])
		}
		if cut, err := capLog(path, int64(len(earlier)), most, head, tail); cut != 0 || err != nil {
			t.Errorf("%s: cut again: %d, %v", name, cut, err)
		}
	}
}

func TestParseCrash(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, log string
		kind      crashKind
		signal    syscall.Signal
		message   string
	}{
		{"nothing", "all is well\nI would panic: never\n", noCrash, 0, ""},
		{"panic", "x\npanic: boom\n\ngoroutine 1 [running]:\nmain.f()\n", crashPanic, 0, "panic: boom"},
		{
			"nil pointer", "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\ngoroutine 1 [running]:\n",
			crashPanic, 0, "panic: runtime error: invalid memory address or nil pointer dereference",
		},
		{
			"segfault in C", "SIGSEGV: segmentation violation\nPC=0x7f m=0 sigcode=1 addr=0x0\nsignal arrived during cgo execution\n\ngoroutine 1 gp=0x1 m=0 mp=0x1 [syscall]:\n",
			crashSignal, syscall.SIGSEGV, "SIGSEGV: segmentation violation",
		},
		{
			"segfault in the runtime", "fatal error: unexpected signal during runtime execution\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\nruntime stack:\n",
			crashSignal, syscall.SIGSEGV, "fatal error: unexpected signal during runtime execution",
		},
		{
			"a write to a page that is not there", "unexpected fault address 0x7f0\nfatal error: fault\n[signal SIGSEGV: segmentation violation code=0x2 addr=0x7f0 pc=0x1]\n\ngoroutine 1 [running]:\n",
			crashSignal, syscall.SIGSEGV, "fatal error: fault",
		},
		{"abort", "free(): invalid pointer\nSIGABRT: abort\nPC=0x7f m=0 sigcode=18446744073709551610\n", crashSignal, syscall.SIGABRT, "SIGABRT: abort"},
		{"stack", "runtime: goroutine stack exceeds 1000000000-byte limit\nfatal error: stack overflow\n\nruntime stack:\n", crashPanic, 0, "fatal error: stack overflow"},
		{"memory", "fatal error: runtime: cannot allocate memory\n\ngoroutine 1 [running]:\n", crashMemory, 0, "fatal error: runtime: cannot allocate memory"},
		{"more memory", "runtime: out of memory: cannot allocate 4194304-byte block (75431936 in use)\nfatal error: out of memory\n", crashMemory, 0, "runtime: out of memory: cannot allocate 4194304-byte block (75431936 in use)"},
		{"threads", "runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\n", crashThread, 0, "runtime/cgo: pthread_create failed: Resource temporarily unavailable"},
		{
			"threads of libzmq", "Resource temporarily unavailable (src/thread.cpp:269)\nSIGABRT: abort\nPC=0x7f m=8 sigcode=18446744073709551610\n",
			crashThread, 0, "Resource temporarily unavailable (src/thread.cpp:269)",
		},
		{"after a line without an end", "50 %\r100 %panic: boom: panic: again\n\ngoroutine 1 [running]:\nmain.f()\n", crashPanic, 0, "panic: boom: panic: again"},
		{"out of memory after a line without an end", "xxfatal error: runtime: out of memory\n\nruntime stack:\n", crashMemory, 0, "fatal error: runtime: out of memory"},
		{
			"nil pointer after a line without an end", "xxpanic: runtime error: nil pointer\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\ngoroutine 1 [running]:\n",
			crashPanic, 0, "panic: runtime error: nil pointer",
		},
		{
			"fault after a line without an end", "xxfatal error: fault\n[signal SIGSEGV: segmentation violation code=0x2 addr=0x7f0 pc=0x1]\n\ngoroutine 1 [running]:\n",
			crashSignal, syscall.SIGSEGV, "fatal error: fault",
		},
		{"words in a line", "we do not panic: never\ngoroutine 7 is our friend\n", noCrash, 0, ""},
		{"the later one", "panic: first\n\ngoroutine 1 [running]:\n\npanic: second\n", crashPanic, 0, "panic: second"},
	} {
		got, begin := parseCrash([]byte(test.log))
		if got.kind != test.kind || got.signal != test.signal || got.message != test.message {
			t.Errorf("%s: got %+v", test.name, got)
		}
		if got.kind != noCrash && !strings.HasPrefix(test.log[begin:], got.message) {
			t.Errorf("%s: begins at %q", test.name, test.log[begin:])
		}
	}
}

func FuzzParseCrash(f *testing.F) {
	f.Add([]byte("panic: x\nSIGSEGV: y\n"))
	f.Add([]byte("[signal SIG\xff:\x00"))
	f.Fuzz(func(t *testing.T, log []byte) {
		c, begin := parseCrash(log)
		if begin < 0 || begin > len(log) || (c.kind == noCrash) != (c.message == "") {
			t.Errorf("%+v at %d", c, begin)
		}
		for _, line := range cleanLines(log, true) {
			if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\x00") {
				t.Errorf("unclean %q", line)
			}
		}
	})
}
