// Package failpoint stops a process at a place that was chosen from outside, to
// prove that nothing is lost wherever a server or worker dies.
//
// It exists only in binaries built with the tag failpoint: without it [Enabled]
// is false, and every call is nothing. With it, the environment says what
// happens:
//
//	WELLHOUSE_FAILPOINT=NAME#N[;NAME#N…]  kill -9 oneself at the Nth hit of NAME
//	                                      in this process; each entry fires once
//	WELLHOUSE_FAILPOINT_DIR=DIR           where it is remembered what has fired
//	                                      (across processes), and where hits are
//	                                      traced, one "NAME#N" a line, with the
//	                                      number of goroutines at the last one
//	WELLHOUSE_FAILPOINT_STUCK=FILE        while FILE exists no signal reaches a
//	                                      worker: it is as if stuck in the kernel
//
// The names of a worker's points begin with "worker ".
//
// One place has one name, in which the parts that differ between runs (ids,
// the numbers of temporary files) are replaced, so that a trace of one run names
// the places of the next.
//
// The state is global to the process, unlike anything else in this repository: a
// point must be reachable from every layer, and none of it is in a released
// binary.
package failpoint
