// Package plate reads a microscope's plate folder: which well, site, channel,
// z plane and time point every image file is, and the pixels of one file.
//
// # What it promises
//
// [Open] walks a folder once, recognises the instrument that wrote it
// (ImageXpress raw and exported, Cellomics, Opera/Operetta, CellVoyager), says
// why it thinks so, and returns an [Index]: the images in natural order, the
// images that should be there and are not, the projections the instrument
// stored beside its planes, and whatever looked odd, as warnings. The same
// folder gives the same index on every machine.
//
// Every image has a value for all five components; a part the file name lacks
// (no channel with one channel, no site with one site) is "1", and the
// explanation says so. Values are the instrument's numbers without leading
// zeros: site "1", channel "2", z "10".
//
// [Read] and [ReadHeader] take hostile files: dimensions are checked against
// the size of the file before anything is allocated, and every failure is an
// [*UnreadableError] that names the file.
//
// [Synthesize] writes plates with known truth, deterministic by seed.
//
// # What it leaves out
//
// Pixels are read one file at a time: no cache, no goroutine is left behind
// ([Synthesize] uses as many as there are cores and joins them). Colour images,
// BigTIFF and pages after the first are not read. Symbolic links to folders
// are not followed, so a walk always ends; links to files are.
//
// # To add a format
//
//  1. Write its file-name grammar as a grammar value in grammar.go.
//  2. If it has metadata, write a reader beside htd.go that fills a metadata.
//  3. Add it to formats() in formats.go, with one sentence that says what the
//     format looks like, and to docs/formats.md.
//  4. Add names to FuzzParseName and a plate to the tests.
package plate
