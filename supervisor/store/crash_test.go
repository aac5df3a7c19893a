package store

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// childVariable makes this test binary the process that is killed.
const childVariable = "WELLHOUSE_STORE_CHILD"

const savers = 4

// child saves as fast as it can, several at once, and prints each Save that was
// answered: "saver number".
func child(path string) int {
	s, err := Open(path, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var all sync.WaitGroup
	for saver := range savers {
		all.Go(func() {
			for n := 0; ; n++ {
				if err := s.Save(context.Background(), pair(fmt.Sprintf("%d-%06d", saver, n), "running", at(0))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Printf("%d %d\n", saver, n)
			}
		})
	}
	all.Wait()
	return 0
}

// Killed at a random moment, the store holds every answered Save, whole, and of
// each saver a prefix of what it saved.
func TestFaultKilledWhileSaving(t *testing.T) {
	t.Parallel()
	rounds := 8
	if os.Getenv("WELLHOUSE_FAULT_SUITE") == "long" {
		rounds = 500
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range rounds {
		killOnce(t, 1+random.IntN(400))
	}
}

func killOnce(t *testing.T, answers int) {
	t.Helper()
	p := path(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), childVariable+"="+p)
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	answered := map[int]int{} // saver → how many of its Saves were answered
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var saver, n int
		if _, err := fmt.Sscan(lines.Text(), &saver, &n); err != nil {
			break // the last line, cut by the kill
		}
		answered[saver] = n + 1
		if answers--; answers == 0 {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err == nil || complaints.Len() > 0 {
		t.Fatalf("child ended by itself: %v %s", err, complaints.String())
	}

	kept := prefixes(t, load(t, mustOpen(t, p), Filter{}))
	for saver, n := range answered {
		if kept[saver] < n {
			t.Errorf("saver %d: %d Saves were answered, %d kept", saver, n, kept[saver])
		}
	}
}

// prefixes fails the test unless the records are, for each saver, all three of
// every Save up to some number, which it returns.
func prefixes(t *testing.T, records []Record) map[int]int {
	t.Helper()
	counts := map[string]int{}
	kept := map[int]int{}
	for _, r := range records {
		counts[r.Execution]++
	}
	for id, n := range counts {
		var saver, number int
		if _, err := fmt.Sscanf(id, "%d-%d", &saver, &number); err != nil {
			t.Fatal(err)
		}
		if n != 2 {
			t.Errorf("of Save %s, %d of 2 records are here", id, n)
		}
		kept[saver] = max(kept[saver], number+1)
	}
	total := 0
	for _, n := range kept {
		total += n
	}
	if total != len(counts) {
		t.Errorf("there are gaps: %d Saves, the last ones are number %v", len(counts), kept)
	}
	return kept
}
