// Package server is the execution server: it wires the socket loop, the
// engine, the store and the processes together and answers every request.
//
// It promises that a control message is answered within milliseconds whatever
// the workers do: requests are answered from what is in memory, or in a
// goroutine of their own where a disk is asked.
//
// Goroutines, all started by Run and ended before it returns: the socket loop
// (owner of every ZeroMQ socket), the engine, the memory sampler, the
// lifecycle watch, and one per request under way.
//
// It leaves out what a client does and how anything is shown.
package server
