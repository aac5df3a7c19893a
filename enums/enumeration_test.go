package enums_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"pgregory.net/rapid"
)

func TestDefineFromManyGoroutinesGivesOneObject(t *testing.T) {
	t.Parallel()
	const goroutines = 64
	got := make([]*enums.Enumeration, goroutines)
	members := make([]*enums.Member, goroutines)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range goroutines {
		group.Go(func() {
			<-start
			e, err := enums.Define("test.concurrent.Colour", "red", "green")
			if err != nil {
				t.Error(err)
				return
			}
			got[i] = e
			if members[i], err = enums.Lookup("test.concurrent.Colour.green"); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	group.Wait()
	for i := range goroutines {
		if got[i] != got[0] || members[i] != members[0] {
			t.Fatalf("goroutine %d got another object", i)
		}
	}
}

// Every racer offers its own members; one definition wins, and all who see it
// see the same one.
func TestDefineRacingDefinitionsOneWins(t *testing.T) {
	t.Parallel()
	const goroutines = 32
	var (
		group sync.WaitGroup
		mutex sync.Mutex
		wins  []*enums.Enumeration
	)
	for i := range goroutines {
		group.Go(func() {
			e, err := enums.Define("test.race.Letter", string(rune('a'+i%4)))
			if err == nil {
				mutex.Lock()
				wins = append(wins, e)
				mutex.Unlock()
				return
			}
			if redefined := new(enums.RedefinedError); !errors.As(err, &redefined) {
				t.Errorf("unexpected error: %v", err)
			}
		})
	}
	group.Wait()
	if len(wins) != goroutines/4 {
		t.Fatalf("%d definitions were accepted, want the %d equal ones", len(wins), goroutines/4)
	}
	for _, e := range wins {
		if e != wins[0] {
			t.Fatal("two objects for one name")
		}
	}
}

func TestDefineRefuses(t *testing.T) {
	t.Parallel()
	if _, err := enums.Define("test.refuse.Size", "small", "large"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, qualified string
		members         []string
		want            string
	}{
		{"another member", "test.refuse.Size", []string{"small", "huge"}, "lacks large and adds huge"},
		{"one less", "test.refuse.Size", []string{"small"}, "lacks large"},
		{"one more", "test.refuse.Size", []string{"small", "large", "huge"}, "adds huge"},
		{"another order", "test.refuse.Size", []string{"large", "small"}, "the order differs"},
		{"vocabulary", "wellhouse.enums.Role", []string{"generic"}, "lacks execution, viewer"},
		{"no members", "test.refuse.None", nil, "no members"},
		{"twice", "test.refuse.Twice", []string{"a", "a"}, `"a" is given twice`},
		{"dotted member", "test.refuse.Dot", []string{"a.b"}, "one word"},
		{"empty member", "test.refuse.Empty", []string{""}, "one word"},
		{"no name", "", []string{"a"}, "a name is words"},
		{"name with a gap", "test..X", []string{"a"}, "a name is words"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := enums.Define(tc.qualified, tc.members...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestMembersTravelByNameAndKeepTheirIdentity(t *testing.T) {
	t.Parallel()
	for _, e := range append(enums.Vocabularies(), enums.Microscopy().All, enums.Microscopy().GroupBy) {
		for i, m := range e.Members() {
			back, err := enums.Lookup(m.Qualified())
			if err != nil || back != m {
				t.Errorf("%s came back as %p (%v), want %p", m.Qualified(), back, err, m)
			}
			if m.Ordinal() != i || m.Enumeration() != e {
				t.Errorf("%s: ordinal %d, want %d", m.Qualified(), m.Ordinal(), i)
			}
		}
	}
}

func TestLookupNamesTheValidOnes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"wellhouse.components.microscopy.GroupBy.chanel": `did you mean "channel"? (valid: channel, `,
		"wellhouse.components.microscopy.GroupBye.site":  `did you mean "wellhouse.components.microscopy.GroupBy"?`,
		"channel": "not a qualified name",
		"":        "not a qualified name",
	} {
		if m, err := enums.Lookup(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Lookup(%q) = %v, %v; want an error with %q", name, m, err, want)
		}
	}
}

func TestCopiedMemberDoesNotTravel(t *testing.T) {
	t.Parallel()
	copied := *enums.Microscopy().Axis
	if copied.Interned() || (*enums.Member)(nil).Interned() || new(enums.Member).Interned() {
		t.Error("a copy passes for the member")
	}
	if _, err := json.Marshal(&copied); err == nil {
		t.Error("a copy was encoded")
	}
	var into struct{ M *enums.Member }
	if err := json.Unmarshal([]byte(`{"M":"wellhouse.enums.Role.viewer"}`), &into); err == nil {
		t.Error("plain JSON made a member without identity")
	}
}

func TestMicroscopyComponents(t *testing.T) {
	t.Parallel()
	c := enums.Microscopy()
	for _, tc := range []struct {
		e    *enums.Enumeration
		name string
		want string
	}{
		{c.All, "wellhouse.components.microscopy.AllComponents", "well site channel z_index timepoint"},
		{c.Variable, "wellhouse.components.microscopy.VariableComponents", "site channel z_index timepoint"},
		{c.GroupBy, "wellhouse.components.microscopy.GroupBy", "site channel z_index timepoint none"},
		{c.Sequential, "wellhouse.components.microscopy.SequentialComponents", "site channel z_index timepoint"},
	} {
		if got := strings.Join(tc.e.Names(), " "); got != tc.want || tc.e.Name() != tc.name {
			t.Errorf("%s = %s, want %s = %s", tc.e.Name(), got, tc.name, tc.want)
		}
	}
	if c.Axis.Name() != enums.Well || c.Axis.Enumeration() != c.All {
		t.Errorf("axis is %s", c.Axis.Qualified())
	}
	again, err := enums.DefineComponents("microscopy", c.All.Names(), "well")
	if err != nil || again != c {
		t.Errorf("the same definition gave %p (%v), want %p", again, err, c)
	}
}

func TestDefineComponentsIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, set, axis string
		components      []string
		want            string
	}{
		{"another axis", "microscopy", "site", enums.Microscopy().All.Names(), "already defined differently"},
		{"more components", "microscopy", "well", append(enums.Microscopy().All.Names(), "batch"), "adds batch"},
		{"axis unknown", "test-axis", "wel", []string{"well", "site"}, `did you mean "well"?`},
		{"axis alone", "test-alone", "well", []string{"well"}, "nothing is left"},
		{"none", "test-none", "well", []string{"well", "none"}, "stands for grouping by none"},
		{"bad set", "a.b", "well", []string{"well", "site"}, "one word"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := enums.DefineComponents(tc.set, tc.components, tc.axis); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want an error with %q", err, tc.want)
			}
		})
	}

	// One of the four names is taken by something else: none may be defined.
	if _, err := enums.Define("wellhouse.components.test-taken.GroupBy", "other"); err != nil {
		t.Fatal(err)
	}
	if _, err := enums.DefineComponents("test-taken", []string{"a", "b"}, "a"); err == nil {
		t.Fatal("accepted over a taken name")
	}
	if m, err := enums.Lookup("wellhouse.components.test-taken.AllComponents.a"); err == nil {
		t.Fatalf("%s was defined by a refused definition", m.Qualified())
	}
}

// Whatever is defined, in whatever order and however often: the first
// definition of a name holds, equal ones give the same object, others fail.
func TestDefineProperty(t *testing.T) {
	t.Parallel()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		model := map[string]*enums.Enumeration{}
		prefix := "test.property.R" + strings.Repeat("x", run) + "."
		for range rapid.IntRange(1, 12).Draw(t, "definitions") {
			name := prefix + rapid.SampledFrom([]string{"A", "B"}).Draw(t, "name")
			members := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p", "q", "r"}), 1, 3, rapid.ID).Draw(t, "members")
			e, err := enums.Define(name, members...)
			held := model[name]
			switch {
			case held == nil && err == nil:
				model[name] = e
			case held == nil:
				t.Fatalf("first definition refused: %v", err)
			case strings.Join(held.Names(), ",") == strings.Join(members, ","):
				if err != nil || e != held {
					t.Fatalf("equal definition gave %p, %v; want %p", e, err, held)
				}
			case err == nil:
				t.Fatalf("differing definition accepted: %v over %v", members, held.Names())
			}
		}
	})
}
