// Package bench measures whole plates through the built command, each figure as
// a ratio to a baseline measured in the same run: the same work in scikit-image
// in a pool that also gives every task a process of its own.
//
//	go test -run '^$' -bench . ./supervisor/bench
//
// Baselines need /usr/bin/python3 with numpy, scikit-image and tifffile; a
// benchmark without its baseline says so and reports absolute figures alone.
// There is nothing here but tests.
package bench
