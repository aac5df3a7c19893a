//go:build !linux

package process

func findGroups(string) groupMaker                        { return groupMaker{} }
func (m groupMaker) create(string, Limits) (group, error) { return group{}, nil }
func (m groupMaker) leftovers() []string                  { return nil }
func (g group) add(int) error                             { return nil }
func (g group) oomKills() int                             { return 0 }
func (g group) refusals() int                             { return 0 }
func (g group) processes() []int                          { return nil }
func (g group) remove() []string                          { return nil }
func (r *Runner) removeGroup(group)                       {}
func systemOOMKills() int                                 { return 0 }
func groupOf([]string) group                              { return group{} }
