// Package config is Wellhouse's layered configuration: which settings there
// are, where each may be set, which value wins, and where that came from.
//
// # What it promises
//
//   - Layers are applied in order: defaults, global, pipeline, step, command
//     line. A setting that a layer does not set is inherited; one that it sets
//     wins over all before it, even when the values are equal.
//   - A setting may be set at its own scope and at every scope above it: "keep"
//     for a step, a pipeline or globally, "workers" only globally.
//   - Every value knows its origin ([Resolved.Explain]).
//   - An unknown setting, a value of another type or out of its range, and a
//     setting at a scope that cannot have it are errors; all of them are
//     reported at once, with file:line:column where there is a file, and with
//     the nearest valid name.
//   - [Export] writes only what was set, or everything; parsing and resolving
//     the text gives the identical values. Type names in it are the home
//     package's: wellhouse.config.GlobalConfig.
//   - Other packages inject sections of their own ([Schema.Inject]). The layered
//     forms of the three scopes, and those of injected sections, are registered
//     under their home package's names.
//
// # What it leaves out
//
// Finding and reading files, environment variables and flags: a caller turns
// each source into a [Layer]. Lists and maps as values: every setting is a
// scalar, so that each has one origin.
//
// A Schema is an explicit value; the functions of the package use the built-in
// one. Nothing is global and no goroutine is started.
package config
