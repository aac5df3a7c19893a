package process

// group is the control group of one attempt: the kernel's own account of what
// belongs to it. The zero value is none.
type group struct {
	folders []string // the same group in several hierarchies
	memory  string   // where oom kills are counted; "" = memory is not limited here
	pids    string   // where refused processes are counted; "" = they are not limited here
}

// groupMaker makes control groups where this process may; the zero value makes none.
type groupMaker struct {
	memory, pids string // where groups with that limit are made; "" = nowhere
	unified      string // which of them is cgroup v2; "" = none
	prefix       string
}
