// Command report turns the event stream of go test -json into what a person reads: one line per package as it ends,
// the whole output of every failed test, the list of skipped tests with their reasons, and a closing line of counts.
//
// It exists because plain go test hides skipped tests, and go test -v buries them.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// event is one line of go test -json, as cmd/test2json documents it.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output events
	Test       string
	Output     string
}

type key struct{ pkg, test string }

type report struct {
	out                     io.Writer
	output                  map[key][]string // of tests that have not ended
	skips                   []string
	passed, failed, skipped int
	broken                  bool // a package failed, with or without a failing test
}

func main() {
	r := &report{out: os.Stdout, output: map[key][]string{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "read test events:", err)
		os.Exit(1)
	}
	r.close()
	if r.failed > 0 || r.broken {
		os.Exit(1)
	}
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprint(r.out, line)
			} else {
				r.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	k := key{e.Package, e.Test}
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Action == "build-fail":
		r.broken = true
	case e.Test == "":
		r.takePackage(e)
	case e.Action == "output":
		r.output[k] = append(r.output[k], e.Output)
	case e.Action == "pass":
		r.passed++
		delete(r.output, k)
	case e.Action == "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(r.output[k])))
		delete(r.output, k)
	case e.Action == "fail":
		r.failed++
		r.print(k)
	}
}

// takePackage handles what belongs to a package as a whole. Tests that were running when their process died get no
// end of their own: what they said is printed when their package fails.
func (r *report) takePackage(e event) {
	switch e.Action {
	case "output":
		if e.Output != "PASS\n" {
			fmt.Fprint(r.out, e.Output)
		}
	case "fail":
		r.broken = true
		for _, k := range r.unfinished(e.Package) {
			r.print(k)
		}
	}
}

func (r *report) unfinished(pkg string) []key {
	var keys []key
	for k := range r.output {
		if k.pkg == pkg {
			keys = append(keys, k)
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].test < keys[j].test })
	return keys
}

func (r *report) print(k key) {
	for _, line := range r.output[k] {
		fmt.Fprint(r.out, line)
	}
	delete(r.output, k)
}

func (r *report) close() {
	if len(r.skips) > 0 {
		sort.Strings(r.skips)
		fmt.Fprintln(r.out, "\nskipped:")
		for _, s := range r.skips {
			fmt.Fprintln(r.out, "  "+s)
		}
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

// reason is what a test said besides the lines go test frames it with: "x_test.go:12: sample plates not present".
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}
