package plate

import (
	"cmp"
	"strings"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// Coordinates say where on the plate an image was taken. An empty component is
// absent: reduced by a step (a projection over z), or never there.
// Coordinates are comparable with ==.
type Coordinates struct {
	Well      string `json:"well,omitempty"`      // canonical: "A01"
	Site      string `json:"site,omitempty"`      // field of view within the well
	Channel   string `json:"channel,omitempty"`   // wavelength or dye
	ZIndex    string `json:"z_index,omitempty"`   // focal plane
	Timepoint string `json:"timepoint,omitempty"` // repetition
}

// Get returns the value of a component by the name it has in [enums]
// (enums.Well and so on); "" for an absent component or an unknown name.
func (c Coordinates) Get(component string) string {
	if p := c.at(component); p != nil {
		return *p
	}
	return ""
}

// With returns c with the component set to value; an unknown name changes nothing.
func (c Coordinates) With(component, value string) Coordinates {
	if p := c.at(component); p != nil {
		*p = value
	}
	return c
}

// Without returns c with the component absent.
func (c Coordinates) Without(component string) Coordinates { return c.With(component, "") }

func (c *Coordinates) at(component string) *string {
	switch component {
	case enums.Well:
		return &c.Well
	case enums.Site:
		return &c.Site
	case enums.Channel:
		return &c.Channel
	case enums.ZIndex:
		return &c.ZIndex
	case enums.Timepoint:
		return &c.Timepoint
	}
	return nil
}

// Compare orders coordinates naturally: by well (A01, B01, AA01), time point,
// site, channel, z plane, numbers by value.
func (c Coordinates) Compare(d Coordinates) int {
	return cmp.Or(
		CompareWells(c.Well, d.Well),
		CompareNatural(c.Timepoint, d.Timepoint),
		CompareNatural(c.Site, d.Site),
		CompareNatural(c.Channel, d.Channel),
		CompareNatural(c.ZIndex, d.ZIndex),
	)
}

// String names the components that are present, for messages:
// "well A01, site 2, channel 1".
func (c Coordinates) String() string {
	var parts []string
	for _, p := range []struct{ name, value string }{
		{"well", c.Well},
		{"site", c.Site},
		{"channel", c.Channel},
		{"z", c.ZIndex},
		{"time point", c.Timepoint},
	} {
		if p.value != "" {
			parts = append(parts, p.name+" "+p.value)
		}
	}
	return strings.Join(parts, ", ")
}

// CompareNatural orders strings so that runs of digits compare by value:
// "2" < "10", "z2" < "z10". Strings that differ only in leading zeros compare
// by length, so that the order is total.
func CompareNatural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		i, j := leadingDigits(x), leadingDigits(y)
		if i > 0 && j > 0 {
			m, n := strings.TrimLeft(x[:i], "0"), strings.TrimLeft(y[:j], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), strings.Compare(m, n)); c != 0 {
				return c
			}
			x, y = x[i:], y[j:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

func leadingDigits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
