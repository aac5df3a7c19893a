package plate

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/wellhouse-hcs/wellhouse/enums"
	"github.com/wellhouse-hcs/wellhouse/worker/imaging"
)

// Layouts that [Synthesize] writes.
const (
	LayoutImageXpress = "imagexpress"
	LayoutOpera       = "opera"
)

// Synthesis says what plate to make. A zero field takes the default in its
// comment.
type Synthesis struct {
	Layout     string   // LayoutImageXpress (default) or LayoutOpera
	Name       string   // the plate's name; "synthetic"
	Wells      int      // the first so many wells of the smallest plate that has them; 24
	WellNames  []string // these wells instead
	Rows       int      // of sites in a well; 2
	Columns    int      // of sites in a well; 2
	Overlap    float64  // of neighbouring sites, as a fraction of their size, 0 to 0.5; 0.1, negative for none
	Channels   int      // 1 is the nuclei, the rest are cell bodies; 1
	Planes     int      // z planes, 1 µm apart; 1
	Timepoints int      // 1
	Width      int      // of a site, pixels; 512
	Height     int      // of a site, pixels; 512
	Cells      int      // per site in an untreated well; 60
	Background float64  // counts; 300, negative for none
	Noise      float64  // of the camera, counts; 20, negative for none, shot noise too
	PixelSize  float64  // µm; 0.65
	Seed       uint64   // the same seed gives the same bytes, on one kind of processor
}

var plateNames = compiledOnce(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$`)

// defaults returns s with its defaults filled in, or what is wrong with it.
func (s Synthesis) defaults() (Synthesis, error) {
	if s.Layout == "" {
		s.Layout = LayoutImageXpress
	}
	if s.Layout != LayoutImageXpress && s.Layout != LayoutOpera {
		return s, fmt.Errorf("layout %q is neither %s nor %s", s.Layout, LayoutImageXpress, LayoutOpera)
	}
	if s.Name == "" {
		s.Name = "synthetic"
	}
	if !plateNames().MatchString(s.Name) {
		return s, fmt.Errorf("plate name %q: use letters, digits, spaces, dots, dashes and underscores", s.Name)
	}
	for _, n := range []struct {
		value    *int
		name     string
		fallback int
		min, max int
	}{
		{&s.Wells, "wells", 24, 1, maxRows * maxColumns},
		{&s.Rows, "rows of sites", 2, 1, 32},
		{&s.Columns, "columns of sites", 2, 1, 32},
		{&s.Channels, "channels", 1, 1, 16},
		{&s.Planes, "planes", 1, 1, 500},
		{&s.Timepoints, "time points", 1, 1, 1000},
		{&s.Width, "width", 512, 16, 8192},
		{&s.Height, "height", 512, 16, 8192},
		{&s.Cells, "cells", 60, 1, 100000},
	} {
		if *n.value == 0 {
			*n.value = n.fallback
		}
		if *n.value < n.min || *n.value > n.max {
			return s, fmt.Errorf("%s is %d: from %d to %d is allowed", n.name, *n.value, n.min, n.max)
		}
	}
	for _, f := range []struct {
		value         *float64
		name          string
		fallback, max float64
	}{
		{&s.Overlap, "overlap", 0.1, 0.5},
		{&s.Background, "background", 300, 60000},
		{&s.Noise, "noise", 20, 10000},
		{&s.PixelSize, "pixel size", 0.65, 1000},
	} {
		if *f.value == 0 {
			*f.value = f.fallback
		}
		*f.value = max(*f.value, 0) // negative: none
		if !(*f.value <= f.max) {   // NaN too
			return s, fmt.Errorf("%s is %g: at most %g is allowed", f.name, *f.value, f.max)
		}
	}
	if s.PixelSize == 0 {
		return s, errors.New("pixel size is negative: name it in µm")
	}
	return s, s.nameWells()
}

// nameWells fills in WellNames, canonical and in order.
func (s *Synthesis) nameWells() error {
	if len(s.WellNames) == 0 {
		_, columns := plateSize(s.Wells, 0, 0)
		for i := range s.Wells {
			s.WellNames = append(s.WellNames, wellName(i/columns, i%columns))
		}
		return nil
	}
	wells := make([]string, len(s.WellNames))
	for i, name := range s.WellNames {
		var err error
		if wells[i], err = CanonicalWell(name); err != nil {
			return err
		}
	}
	slices.SortFunc(wells, CompareWells)
	s.WellNames = slices.Compact(wells)
	s.Wells = len(s.WellNames)
	return nil
}

// plateSize returns the smallest plate that has so many wells, rows and columns.
func plateSize(wells, rows, columns int) (int, int) {
	for _, size := range [][2]int{{2, 3}, {4, 6}, {8, 12}, {16, 24}} {
		if wells <= size[0]*size[1] && rows <= size[0] && columns <= size[1] {
			return size[0], size[1]
		}
	}
	return maxRows, maxColumns
}

// size returns the rows and columns of the plate that s describes.
func (s Synthesis) size() (rows, columns int) {
	for _, well := range s.WellNames {
		if r, c, err := parseWell(well); err == nil {
			rows, columns = max(rows, r+1), max(columns, c+1)
		}
	}
	return plateSize(len(s.WellNames), rows, columns)
}

// Synthesize writes a plate of known truth into dir, which must be new or
// empty: fluorescent ellipsoid cells on a background with vignetting, shot and
// camera noise; sites that overlap and show the same cells there; z planes of
// which a cell is sharp in the nearest; and, as in a screen, fewer cells towards
// the high doses: dose grows with the column, and every row is a compound of
// its own potency.
//
// truth.csv has a row per site: Count_Nuclei counts the cells whose centre is
// in the site, Count_Nuclei_Visible those with at least 20 pixels in it.
// truth_objects.csv has a row per cell and site, with positions in pixels.
func Synthesize(dir string, s Synthesis) error {
	s, err := s.defaults()
	if err != nil {
		return fmt.Errorf("synthesize plate: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("synthesize plate: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("synthesize plate: %s is not empty: name a new folder", dir)
	}
	layout := layoutOf(s)
	for _, folder := range layout.folders() {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return fmt.Errorf("synthesize plate: %w", err)
		}
	}
	truths := make([]wellTruth, len(s.WellNames))
	group, ctx := errgroup.WithContext(context.Background())
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, well := range s.WellNames {
		group.Go(func() error {
			if err := ctx.Err(); err != nil { // another well failed
				return err
			}
			truth, err := s.writeWell(dir, layout, well)
			truths[i] = truth
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("synthesize plate: %w", err)
	}
	if err := writeTruth(dir, s, truths); err != nil {
		return fmt.Errorf("synthesize plate: %w", err)
	}
	// The metadata come last: a plate that has them is whole.
	if err := layout.writeMetadata(dir); err != nil {
		return fmt.Errorf("synthesize plate: %w", err)
	}
	return nil
}

// wellTruth is the truth about one well, site by site.
type wellTruth struct {
	well  string
	sites []siteTruth
}

// writeWell renders and writes every image of one well.
func (s Synthesis) writeWell(dir string, layout layout, well string) (wellTruth, error) {
	scene := s.scene(well)
	truth := wellTruth{well: well}
	plane := imaging.NewPlane(s.Height, s.Width, enums.Uint16)
	for site := range s.Rows * s.Columns {
		truth.sites = append(truth.sites, scene.truth(site))
		for t := range s.Timepoints {
			for channel := range s.Channels {
				for z := range s.Planes {
					scene.render(plane, site, channel, z, t)
					name := filepath.Join(dir, layout.file(well, site, channel, z, t))
					if err := writeImage(name, plane, layout.description()); err != nil {
						return truth, err
					}
				}
			}
		}
	}
	return truth, nil
}

func writeImage(name string, p *imaging.Plane, description string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = WriteTIFFWith(f, p, TIFFOptions{Description: description})
	return errors.Join(err, f.Close())
}

// writeTruth writes truth.csv and truth_objects.csv.
func writeTruth(dir string, s Synthesis, wells []wellTruth) error {
	var sites, objects bytes.Buffer
	siteRows, objectRows := csv.NewWriter(&sites), csv.NewWriter(&objects)
	siteRows.Write([]string{"Metadata_Plate", "Metadata_Well", "Metadata_Site", "Count_Nuclei", "Count_Nuclei_Visible", "Stage_X_um", "Stage_Y_um"})
	objectRows.Write([]string{"Metadata_Plate", "Metadata_Well", "Metadata_Site", "ObjectNumber", "Location_Center_X", "Location_Center_Y", "Location_Center_Z", "Radius_Major", "Radius_Minor", "Orientation_Degrees"})
	decimal := func(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
	for _, well := range wells {
		for i, site := range well.sites {
			key := []string{s.Name, well.well, strconv.Itoa(i + 1)}
			siteRows.Write(append(slices.Clone(key), strconv.Itoa(len(site.cells)), strconv.Itoa(site.visible), decimal(site.stageX), decimal(site.stageY)))
			for n, c := range site.cells {
				objectRows.Write(append(slices.Clone(key), strconv.Itoa(n+1), decimal(c.x), decimal(c.y), decimal(c.z+1), decimal(c.major), decimal(c.minor), decimal(c.degrees())))
			}
		}
	}
	siteRows.Flush() // into memory: cannot fail
	objectRows.Flush()
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "truth.csv"), sites.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, "truth_objects.csv"), objects.Bytes(), 0o644),
	)
}
