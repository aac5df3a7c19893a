package enums

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Enumeration is an ordered, closed set of members under a qualified name.
// There is one per name and process; compare by pointer.
type Enumeration struct {
	name    string
	members []*Member
	byName  map[string]*Member
}

// Member is one member of an [Enumeration]. There is one per qualified name
// and process; compare by pointer.
type Member struct {
	enumeration *Enumeration
	name        string
	ordinal     int
}

// Name returns the qualified name, such as "wellhouse.enums.WellStatus".
func (e *Enumeration) Name() string { return e.name }

// String returns the qualified name.
func (e *Enumeration) String() string { return e.name }

// Members returns the members in the order of their definition.
func (e *Enumeration) Members() []*Member { return slices.Clone(e.members) }

// Names returns the members' names in the order of their definition.
func (e *Enumeration) Names() []string {
	names := make([]string, len(e.members))
	for i, m := range e.members {
		names[i] = m.name
	}
	return names
}

// Member returns the member of that name, or an [*UnknownError] with the valid
// ones.
func (e *Enumeration) Member(name string) (*Member, error) {
	if m, ok := e.byName[name]; ok {
		return m, nil
	}
	return nil, Unknown("member of "+e.name, name, e.Names())
}

// Name returns the member's own name, such as "channel".
func (m *Member) Name() string { return m.name }

// Enumeration returns the enumeration the member belongs to.
func (m *Member) Enumeration() *Enumeration { return m.enumeration }

// Ordinal returns the member's place in its enumeration, from 0.
func (m *Member) Ordinal() int { return m.ordinal }

// Qualified returns the name under which the member travels; [Lookup] is its
// inverse. It is "" for a Member that no enumeration holds.
func (m *Member) Qualified() string {
	if m == nil || m.enumeration == nil {
		return ""
	}
	return m.enumeration.name + "." + m.name
}

// String returns the member's own name.
func (m *Member) String() string { return m.name }

// MarshalText writes the qualified name. There is deliberately no
// UnmarshalText: it would fill a copy, and a copy has no identity. Decode
// through the registry, or with [Lookup]. A copy is refused here already.
func (m *Member) MarshalText() ([]byte, error) {
	if !m.Interned() {
		return nil, fmt.Errorf("encode enumeration member %q: not the member itself but a copy", m.name)
	}
	return []byte(m.Qualified()), nil
}

// Interned reports whether m is the one member object of its name; false for a
// copy and for a zero Member.
func (m *Member) Interned() bool {
	return m != nil && m.enumeration != nil && m.enumeration.byName[m.name] == m
}

// Define returns the enumeration of that qualified name, and makes it the first
// time. Calling it again with the same members in the same order, from any
// goroutine, returns the same object; with others it is refused.
//
// A qualified name is dot-separated words ("wellhouse.enums.Role"); a member is
// one word. Words are ASCII letters, digits, '_' and '-'.
func Define(qualified string, members ...string) (*Enumeration, error) {
	e, err := newEnumeration(qualified, members)
	if err != nil {
		return nil, err
	}
	if err := interned.intern(&e); err != nil {
		return nil, err
	}
	return e, nil
}

// Lookup returns the member of a qualified member name, as [Member.Qualified]
// gives it. An unknown name is answered with the valid ones: the enumerations
// of this process, or the members of the enumeration that was meant.
func Lookup(qualifiedMember string) (*Member, error) {
	dot := strings.LastIndexByte(qualifiedMember, '.')
	if dot < 0 {
		return nil, fmt.Errorf("look up enumeration member %s: not a qualified name (enumeration.member)", quote(qualifiedMember))
	}
	e, err := interned.find(qualifiedMember[:dot])
	if err != nil {
		return nil, err
	}
	return e.Member(qualifiedMember[dot+1:])
}

// table is the intern table: qualified name → the one enumeration.
type table struct {
	mutex        sync.RWMutex
	enumerations map[string]*Enumeration
	components   map[string]*Components
}

// intern replaces each of the given enumerations by the one that holds its
// name, or makes it that one. It is all or nothing: on a conflict none of them
// is defined.
func (t *table) intern(given ...**Enumeration) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, g := range given {
		if held := t.enumerations[(*g).name]; held != nil && !slices.Equal(held.Names(), (*g).Names()) {
			return &RedefinedError{Name: held.name, Held: held.Names(), Offered: (*g).Names()}
		}
	}
	for _, g := range given {
		if held := t.enumerations[(*g).name]; held != nil {
			*g = held
			continue
		}
		t.enumerations[(*g).name] = *g
	}
	return nil
}

func (t *table) find(qualified string) (*Enumeration, error) {
	t.mutex.RLock()
	defer t.mutex.RUnlock()
	if e := t.enumerations[qualified]; e != nil {
		return e, nil
	}
	names := make([]string, 0, len(t.enumerations))
	for name := range t.enumerations {
		names = append(names, name)
	}
	slices.Sort(names)
	return nil, Unknown("enumeration", qualified, names)
}

// RedefinedError says that a qualified name is already taken by an enumeration
// with other members.
type RedefinedError struct {
	Name          string
	Held, Offered []string
}

// Error names what differs.
func (e *RedefinedError) Error() string {
	var missing, added []string
	for _, m := range e.Held {
		if !slices.Contains(e.Offered, m) {
			missing = append(missing, m)
		}
	}
	for _, m := range e.Offered {
		if !slices.Contains(e.Held, m) {
			added = append(added, m)
		}
	}
	differs := "the order differs: " + strings.Join(e.Held, ", ") + " against " + strings.Join(e.Offered, ", ")
	switch {
	case missing != nil && added != nil:
		differs = "lacks " + strings.Join(missing, ", ") + " and adds " + strings.Join(added, ", ")
	case missing != nil:
		differs = "lacks " + strings.Join(missing, ", ")
	case added != nil:
		differs = "adds " + strings.Join(added, ", ")
	}
	return fmt.Sprintf("define enumeration %s: already defined differently: the new definition %s", e.Name, differs)
}

func newEnumeration(qualified string, members []string) (*Enumeration, error) {
	for _, word := range strings.Split(qualified, ".") {
		if !isWord(word) {
			return nil, fmt.Errorf("define enumeration %s: a name is words of letters, digits, '_' and '-' joined by dots", quote(qualified))
		}
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("define enumeration %s: it has no members", qualified)
	}
	e := &Enumeration{name: qualified, byName: make(map[string]*Member, len(members))}
	for i, name := range members {
		if !isWord(name) {
			return nil, fmt.Errorf("define enumeration %s: member %s: a member is one word of letters, digits, '_' and '-'", qualified, quote(name))
		}
		if e.byName[name] != nil {
			return nil, fmt.Errorf("define enumeration %s: member %q is given twice", qualified, name)
		}
		m := &Member{enumeration: e, name: name, ordinal: i}
		e.members = append(e.members, m)
		e.byName[name] = m
	}
	return e, nil
}

func isWord(s string) bool {
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return s != ""
}
