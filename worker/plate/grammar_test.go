package plate

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	const id = "401562CF-BD52-4C90-A944-83185F26B372"
	for _, c := range []struct {
		g      grammar
		name   string
		prefix string
		want   Coordinates // zero: not of this grammar
	}{
		{imageXpressNames, "Projection-Mix_E07_s1_w1E94C24BD-45E4-450A-9919-257C714278F7.tif", "Projection-Mix", Coordinates{Well: "E07", Site: "1", Channel: "1"}},
		{imageXpressNames, "1well-3C-2S-Zmix-T_C07_s1_w1" + id + ".tif", "1well-3C-2S-Zmix-T", Coordinates{Well: "C07", Site: "1", Channel: "1"}},
		{imageXpressNames, "Projection-Mix_E07_s12" + id + ".tif", "Projection-Mix", Coordinates{Well: "E07", Site: "12"}},
		{imageXpressNames, "p_B02" + id + ".tif", "p", Coordinates{Well: "B02"}},
		{imageXpressNames, "p_B2_w3" + id + ".tif", "p", Coordinates{Well: "B02", Channel: "3"}},
		{imageXpressNames, "9987_B02.TIF", "9987", Coordinates{Well: "B02"}},
		{imageXpressNames, "a_b_AA01_s3_w2.tif", "a_b", Coordinates{Well: "AA01", Site: "3", Channel: "2"}},
		{imageXpressNames, "copy_of_A01_B02_s1_w1.tif", "copy_of_A01", Coordinates{Well: "B02", Site: "1", Channel: "1"}},
		{imageXpressNames, "A01_s1_w1_z004_t002.tif", "", Coordinates{Well: "A01", Site: "1", Channel: "1", ZIndex: "4", Timepoint: "2"}},
		{imageXpressNames, "A01.tif", "", Coordinates{}},
		{imageXpressNames, "scan_s1_w1.tif", "", Coordinates{}},
		{imageXpressNames, "p_A99_s1.tif", "", Coordinates{}},
		{cellomicsNames, "AS_09047_050428030001_O01f00d2.TIF", "AS_09047_050428030001", Coordinates{Well: "O01", Site: "0", Channel: "2"}},
		{cellomicsNames, "X_A12d1.tif", "X", Coordinates{Well: "A12", Channel: "1"}},
		{cellomicsNames, "X_A12f07.tif", "X", Coordinates{Well: "A12", Site: "7"}},
		{cellomicsNames, "X_A12.tif", "", Coordinates{}},
		{operaNames, "r03c03f01p01-ch1sk1fk1fl1.tiff", "", Coordinates{Well: "C03", Site: "1", Channel: "1", ZIndex: "1", Timepoint: "1"}},
		{operaNames, "r16c24f10p02-ch12sk3fk1fl1.tiff", "", Coordinates{Well: "P24", Site: "10", Channel: "12", ZIndex: "2", Timepoint: "3"}},
		{operaNames, "r27c01f01p01-ch01t02.tiff", "", Coordinates{Well: "AA01", Site: "1", Channel: "1", ZIndex: "1", Timepoint: "2"}},
		{operaNames, "r00c01f01p01-ch1sk1fk1fl1.tiff", "", Coordinates{}},
		{operaNames, "r40c01f01p01-ch1sk1fk1fl1.tiff", "", Coordinates{}},
		{cellVoyagerNames, "My_Plate_D08_T0001F002L01A02Z03C04.tif", "My_Plate", Coordinates{Well: "D08", Site: "2", Channel: "4", ZIndex: "3", Timepoint: "1"}},
		{cellVoyagerNames, "SC_BP445-45_20x v2_M01_CH01.tif", "", Coordinates{}},
	} {
		p, ok := c.g.parse(c.name)
		if ok != (c.want != Coordinates{}) || ok && (p.Coordinates != c.want || p.prefix != c.prefix) {
			t.Errorf("%s: %+v %v", c.name, p, ok)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{
		"Projection-Mix_E07_s1_w1E94C24BD-45E4-450A-9919-257C714278F7.tif", "9987_B02.TIF", "A01_s1_w1_z1_t1.tif",
		"AS_09047_050428030001_O01f00d2.TIF", "r03c03f01p01-ch1sk1fk1fl1.tiff", "r01c01f01p01-ch01t01.tiff",
		"Plate_D08_T0001F002L01A02Z03C04.tif", "_thumb.tif", "", ".", "é_A01_s1.tif",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, format := range formats() {
			p, ok := format.grammar.parse(name)
			if !ok {
				continue
			}
			if well, err := CanonicalWell(p.Well); err != nil || well != p.Well {
				t.Errorf("%s reads %q as well %q", format.name, name, p.Well)
			}
			for _, v := range []string{p.Site, p.Channel, p.ZIndex, p.Timepoint} {
				if v != "" && (!isNumber(v) || len(v) > 1 && strings.HasPrefix(v, "0")) {
					t.Errorf("%s reads %q with the number %q", format.name, name, v)
				}
			}
		}
	})
}
