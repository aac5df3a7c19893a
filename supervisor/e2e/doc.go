// Package e2e holds the whole of the main job by tests, through the door that
// users have: the command, its exit code, what it prints, the files it leaves
// and the processes that are left. There is no code in it but tests.
//
// One file is one promise: real plates count what scikit-image counts, damaged
// plates cost their own wells, every way in which a well's process can end is
// told rightly, results do not depend on how they were computed, an interrupt
// leaves nothing, a mistake starts nothing.
package e2e
