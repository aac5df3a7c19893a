// Package faults proves that nothing is lost: it breaks a running system in
// every way that can be produced, through its public doors, and holds what must
// hold to it afterwards. It has tests only.
//
// Each test is a row of the table in docs/design.md, "Nothing is lost". Counts
// are short by default, and those of the long run with
// WELLHOUSE_FAULT_SUITE=long. What is drawn at random follows from one seed,
// which a failing test prints and WELLHOUSE_SEED sets.
//
// What must hold after every fault (see the check in suite_test.go):
//
//   - every well of the plate is in exactly one final state, the same as without
//     the fault, and has evidence;
//   - the merged tables are, byte for byte, those of a run without the fault;
//   - no process, socket, log or attempt of a worker is left;
//   - the server answers.
//
// Failpoints need a binary of their own (package failpoint), which is built when
// the first test asks for it.
package faults
