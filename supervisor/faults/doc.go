// Package faults proves that nothing is lost: it breaks a running system in
// every way that can be produced, through its public doors, and holds what must
// hold to it afterwards. It has tests only.
//
//	the server is killed at random moments     TestFaultServerIsKilled
//	  … at every write, rename, start          TestFaultStoppedAnywhere
//	  … while clients wait; and stays away     restart_test.go
//	  … with the plate or its results away     results_test.go, away_test.go
//	  … and workers are held to their limits   adopted_test.go
//	workers die in every way                   TestFaultWorkersDie
//	workers stop, or ignore every request      TestFaultStubbornWorkers
//	grandchildren hold a worker's streams      TestFaultGrandchildren
//	  … and no server ever comes back          TestFaultNoServerComesBack
//	an update replaces or removes the program  TestFaultProgramIsReplaced
//	memory, descriptor and fork bombs          TestFaultBombs
//	memory is short for all slots              TestFaultMemoryIsShort
//	workers leave shared memory                TestFaultSharedMemory
//	disks are full or read-only                TestFaultDisk
//	network shares hang, fail or are away      mount_test.go
//	the power may go at any moment             TestFaultResultsAreFlushedInOrder
//	logs are torture                           TestFaultLogTorture
//	records are cut                            TestFaultRecordsAreCut
//	records name somebody else's process       TestFaultRecordsNameSomebodyElse
//	  … are locked, or moved away              records_test.go
//	a worker is stuck in the kernel            TestFaultStuckInTheKernel
//	thousands of crashes                       TestFaultCrashesLeaveTheServerFlat
//
// Random schedules in virtual time are package engine's own test, and cuts at
// every byte package store's.
//
// Counts are short by default, and those of the long run with
// WELLHOUSE_FAULT_SUITE=long, where WELLHOUSE_FAULT_SHARD=I/N takes one of N
// parts of the pairs of places to stop at. What is drawn at random follows from one seed,
// which a failing test prints and WELLHOUSE_SEED sets.
//
// What must hold after every fault (see check in suite_test.go):
//
//   - every well of the plate is in exactly one final state, the same as without
//     the fault, and has evidence;
//   - the merged tables are, row for row, those of a run without the fault;
//   - no process, control group, socket, log or attempt of a worker is left;
//   - the server answers.
//
// Failpoints need a binary of their own (package failpoint), which is built when
// the first test asks for it.
package faults
