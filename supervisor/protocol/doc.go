// Package protocol holds the execution server to docs/protocol.md, through its
// sockets and from outside: it has no code of its own, only tests.
//
// What asks here is not Wellhouse: testdata/client.py is a Python client made
// from the protocol's description alone, and the hostile clients speak ZMTP,
// ZeroMQ's own wire, byte by byte.
//
// Every test has a world of its own (package harness); every wait has a
// deadline and says what it waited for.
package protocol
