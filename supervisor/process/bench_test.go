//go:build linux

package process

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// BenchmarkStart measures from the decision to run a well to the first
// instruction of its Execute, against from fork+exec to the first instruction
// of main of the same binary, both by the machine's clock.
func BenchmarkStart(b *testing.B) {
	for _, spares := range []int{0, 1} {
		b.Run(map[int]string{0: "cold", 1: "spare"}[spares], func(b *testing.B) {
			f := newFixture(b, func(o *Options) { o.Spares = spares })
			var bare, well, whole []time.Duration
			for n := 0; b.Loop(); n++ {
				bare = append(bare, bareStart(b, f.options.Binary))
				f.awaitSpares(spares)
				spec := f.spec("A01", order{})
				spec.Attempt = n + 1
				began := time.Now()
				got := f.run(spec)
				if got.Reason != enums.ReasonOK {
					b.Fatalf("%+v", got)
				}
				well = append(well, got.Outcome.Started.Sub(began))
				whole = append(whole, time.Since(began))
			}
			middle := func(d []time.Duration) float64 {
				slices.Sort(d)
				return float64(d[len(d)/2].Microseconds())
			}
			b.ReportMetric(middle(bare), "bare_µs")
			b.ReportMetric(middle(well), "well_µs")
			b.ReportMetric(middle(whole), "whole_µs")
			b.ReportMetric(middle(well)/middle(bare), "×bare")
			b.ReportMetric(float64(slices.Min(well))/float64(slices.Min(bare)), "×bare_fastest")
		})
	}
}

func bareStart(b *testing.B, binary string) time.Duration {
	b.Helper()
	command := exec.Command(binary, "bare")
	command.Env = environment(os.Environ(), nil)
	began := time.Now()
	text, err := command.Output()
	if err != nil {
		b.Fatal(err)
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Unix(0, nanoseconds).Sub(began)
}
