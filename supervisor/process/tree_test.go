//go:build linux

package process

import (
	"context"
	"os"
	"testing"
	"time"
)

func TestTree(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	spec := f.spec("A01", order{Do: "children", Number: 2, For: time.Hour})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx, spec, nil) }()
	begun(t, spec)
	var worker Node
	deadline := time.Now().Add(20 * time.Second)
	for len(worker.Children) < 2 {
		root, err := Tree(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		worker = Node{}
		for _, child := range root.Children {
			if child.Pid == f.Pid("e1", "A01", 1) {
				worker = child
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no tree: %+v", root)
		}
	}
	if worker.Resident == 0 || worker.Proportional == 0 || worker.Age <= 0 || worker.Name == "" || worker.State == "unknown" || worker.Threads == 0 {
		t.Errorf("worker %+v", worker)
	}
	if worker.Children[0].Name != "sleep" {
		t.Errorf("child %+v", worker.Children[0])
	}
	cancel()
	<-done
	if _, err := Tree(worker.Pid); err == nil {
		t.Error("a tree of what is gone")
	}
}

// Looking at processes opens one descriptor for each of them for no longer than
// the look: a server looks every second.
func TestTreeLeavesNoDescriptors(t *testing.T) {
	t.Parallel()
	pidfds := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, entry := range entries {
			if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && target == "anon_inode:[pidfd]" {
				n++
			}
		}
		return n
	}
	before := pidfds()
	for range 50 {
		if _, err := Tree(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if after := pidfds(); after > before+20 { // other tests run beside this one
		t.Errorf("50 looks left %d descriptors of processes", after-before)
	}
}
