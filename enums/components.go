package enums

import (
	"fmt"
	"slices"
)

// The components of a microscopy plate, and None: group by nothing.
const (
	Well      = "well"
	Site      = "site"
	Channel   = "channel"
	ZIndex    = "z_index"
	Timepoint = "timepoint"
	None      = "none"
)

// Components are the enumerations that a component set and its multiprocessing
// axis give. There is one per set and process; compare by pointer.
type Components struct {
	Set        string       // the set's name, such as "microscopy"
	All        *Enumeration // every component
	Variable   *Enumeration // what files of one stack may differ in: all but the axis
	GroupBy    *Enumeration // what chooses a function per value: Variable and "none"
	Sequential *Enumeration // what one process goes through in turn: all but the axis
	Axis       *Member      // of All: the component that gets a process per value
}

// DefineComponents returns the component enumerations of a set, named
// "wellhouse.components.<set>.AllComponents", "….VariableComponents",
// "….GroupBy" and "….SequentialComponents", and makes them the first time.
// The same definition again returns the same objects; a differing one (other
// components, another order, another axis) is refused as a whole.
func DefineComponents(set string, components []string, axis string) (*Components, error) {
	return interned.defineComponents(set, components, axis)
}

// Microscopy returns the components of a high-content-screening plate: well,
// site, channel, z_index, timepoint, with a process per well. It is defined
// before any other code runs, so it is always this.
func Microscopy() *Components {
	interned.mutex.RLock()
	defer interned.mutex.RUnlock()
	return interned.components[microscopy]
}

const microscopy = "microscopy"

func microscopyComponents() []string { return []string{Well, Site, Channel, ZIndex, Timepoint} }

func (t *table) defineComponents(set string, components []string, axis string) (*Components, error) {
	if !isWord(set) {
		return nil, fmt.Errorf("define components %s: the set's name is one word of letters, digits, '_' and '-'", quote(set))
	}
	if !slices.Contains(components, axis) {
		return nil, fmt.Errorf("define components %s: axis: %w", set, Unknown("component", axis, components))
	}
	if slices.Contains(components, None) {
		return nil, fmt.Errorf("define components %s: %q is not a component, it stands for grouping by none", set, None)
	}
	rest := slices.DeleteFunc(slices.Clone(components), func(c string) bool { return c == axis })
	if len(rest) == 0 {
		return nil, fmt.Errorf("define components %s: nothing is left beside the axis %q", set, axis)
	}

	prefix := "wellhouse.components." + set + "."
	made := &Components{Set: set}
	for _, part := range []struct {
		into    **Enumeration
		name    string
		members []string
	}{
		{&made.All, "AllComponents", components},
		{&made.Variable, "VariableComponents", rest},
		{&made.GroupBy, "GroupBy", append(slices.Clone(rest), None)},
		{&made.Sequential, "SequentialComponents", rest},
	} {
		e, err := newEnumeration(prefix+part.name, part.members)
		if err != nil {
			return nil, fmt.Errorf("define components %s: %w", set, err)
		}
		*part.into = e
	}
	if err := t.intern(&made.All, &made.Variable, &made.GroupBy, &made.Sequential); err != nil {
		return nil, fmt.Errorf("define components %s: %w", set, err)
	}
	axisMember, err := made.All.Member(axis)
	if err != nil {
		return nil, fmt.Errorf("define components %s: %w", set, err)
	}
	made.Axis = axisMember

	t.mutex.Lock()
	defer t.mutex.Unlock()
	if held := t.components[set]; held != nil {
		return held, nil // the four enumerations were equal, so this is the same definition
	}
	t.components[set] = made
	return made, nil
}
