// Package harness runs the real supervisor command in tests: every test gets a
// private world of directories, a server and clients in it, and an account of
// what is left when it ends.
//
//	func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
//
//	func TestCancel(t *testing.T) {
//		t.Parallel()
//		w := harness.New(t)
//		w.Serve()
//		id := w.Submit(w.Plate(), harness.Nuclei)
//		w.OK("cancel", id)
//	}
//
// It promises:
//
//   - the command is built once per test binary, with the race detector when the
//     test has it; a race that any process of the test reports fails the test;
//   - a world's processes, all of them, carry its directory in their environment
//     (as HOME), so that they are found whoever started them;
//   - every wait has a deadline and says what it waited for;
//   - when the test ends, its servers are asked to end, processes that are left
//     fail the test and are killed, and the directories are removed. Nothing else
//     on the machine is signalled.
//
// It leaves out faking anything: what a test sees is what a user would.
//
// Goroutines: one per started process, which ends with it.
package harness
