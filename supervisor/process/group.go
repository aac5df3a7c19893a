package process

// group is the control group of one attempt: the kernel's own account of what
// belongs to it. The zero value is none.
type group struct {
	folders []string // the same group in several hierarchies
	memory  string   // where oom kills are counted; "" = memory is not limited here
}

// groupMaker makes control groups where this process may; the zero value makes none.
type groupMaker struct {
	unified      string // cgroup v2: where ours are made
	memory, pids string // cgroup v1
	prefix       string
}
