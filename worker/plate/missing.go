package plate

import (
	"fmt"
	"slices"

	"github.com/wellhouse-hcs/wellhouse/enums"
)

// maxExpected bounds the grid that is looked through for missing images.
const maxExpected = 20000000

// acquisition is one plane of one channel at one time, as every site of every
// well should have it. Instruments take channels differently (one in all
// planes, another in one; one at all times, another at the first), so what is
// expected is the combinations seen anywhere on the plate, not their product.
type acquisition struct{ channel, z, timepoint string }

// findMissing fills in Missing: every well × site × acquisition that has no
// image. Wells and sites are those seen and those the metadata selected.
func (b *builder) findMissing(m *metadata) {
	wells, sites := b.Wells(), b.Values(enums.Site)
	if m != nil {
		wells = union(wells, m.wells, CompareWells)
		sites = union(sites, m.sites.values(sites), CompareNatural)
		b.absent(m)
	}
	var acquisitions []acquisition
	seen := make(map[acquisition]bool)
	present := make(map[Coordinates]bool, len(b.Images))
	for _, i := range b.Images {
		present[i.Coordinates] = true
		if a := (acquisition{i.Channel, i.ZIndex, i.Timepoint}); !seen[a] {
			seen[a] = true
			acquisitions = append(acquisitions, a)
		}
	}
	expected := len(wells) * len(sites) * len(acquisitions)
	if expected == len(present) {
		return
	}
	if expected > maxExpected {
		b.warn("%d images would make the full grid and %d are there: missing images were not looked for", expected, len(present))
		return
	}
	for _, well := range wells {
		for _, site := range sites {
			for _, a := range acquisitions {
				c := Coordinates{Well: well, Site: site, Channel: a.channel, ZIndex: a.z, Timepoint: a.timepoint}
				if !present[c] {
					b.Missing = append(b.Missing, c)
				}
			}
		}
	}
	slices.SortFunc(b.Missing, Coordinates.Compare)
}

// absent warns of what the metadata promise and no image of the plate has. At
// which planes and times such a channel was taken is unknown, so its images
// cannot be listed one by one.
func (b *builder) absent(m *metadata) {
	without := func(expected, seen []string) []string {
		return slices.DeleteFunc(slices.Clone(expected), func(v string) bool { return slices.Contains(seen, v) })
	}
	report := func(what string, absent []string) {
		if len(absent) > 0 {
			b.warn("%s names %s %s, but no image has it", under(b.c.path, b.c.file), what, some(absent, 10))
		}
	}
	channels := without(m.channels, b.Values(enums.Channel))
	for _, p := range b.Projections { // said elsewhere: exists only as a projection
		channels = slices.DeleteFunc(channels, func(v string) bool { return v == p.Channel })
	}
	for i, v := range channels {
		if name := m.channelNames[v]; name != "" {
			channels[i] = fmt.Sprintf("%s (%s)", v, name)
		}
	}
	report("channel", channels)
	report("time point", without(counted(m.timepoints), b.Values(enums.Timepoint)))
	report("z plane", without(counted(m.planes), b.Values(enums.ZIndex)))
	if wells := without(m.wells, b.Wells()); len(wells) > 0 {
		b.warn("%s selects wells that have no image: %s", under(b.c.path, b.c.file), describeWells(wells))
	}
}

// counted returns "1" to n; at most 1000, for messages.
func counted(n int) []string {
	values := make([]string, min(n, 1000))
	for i := range values {
		values[i] = fmt.Sprint(i + 1)
	}
	return values
}

func union(a, b []string, compare func(string, string) int) []string {
	all := slices.Concat(a, b)
	slices.SortFunc(all, compare)
	return slices.Compact(all)
}
