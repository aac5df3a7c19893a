// Package function is the catalogue of what a pipeline file can name.
//
// A Definition joins a name to a kernel of worker/imaging: its parameters with
// units, ranges and defaults, whether it works plane by plane, over a stack or
// reduces one, and whether it takes or gives objects or measures. A catalogue
// is a value; there is no global one. Builtin has the functions of an assay,
// Faults adds functions that misbehave on purpose, for tests of isolation.
//
// What it promises: parameters are checked before the first worker starts, and
// every refusal names the parameter and what would be right; a function sees
// only its Call. Goroutines: a plane-wise function runs up to Call.Threads of
// them and waits for all before it returns.
//
// What it leaves out: which planes make a stack and where results go
// (worker/pipeline, worker/result).
//
// To add a function: a parameter struct named like the function, with tags
// json, unit, min, max, choices and doc; a Definition in the file of its
// family; its line in Builtin; a golden value in scripts/golden/make.py.
package function
