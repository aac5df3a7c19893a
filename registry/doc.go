// Package registry gives Go types stable names and carries their values across
// process boundaries: configurations and tasks, from the server to the worker
// of a well.
//
// # What it promises
//
//   - A registered name means one Go type, and a Go type has one name. Names are
//     the home package's ("wellhouse.config.GlobalConfig"), chosen by hand and
//     never taken from reflection; old names stay readable as aliases. The
//     layered form of a type ([Registry.RegisterLayered]) is named after the
//     type it comes from, and so are the types of fields injected into it.
//   - Encoding is canonical: equal values give equal bytes. Decoding is strict:
//     an unknown or missing type, field or enumeration member, a duplicate key,
//     a number that does not fit, trailing bytes: each is an error that names
//     the path ("steps[2].parameters.sigma"). What was encoded decodes to the
//     same value, a nil slice as nil and an empty one as empty.
//   - What cannot travel is refused, with the path to it, and never dropped:
//     when the type is registered (functions, channels, unexported state,
//     unregistered struct types, contexts, errors, maps with other than string
//     keys) or when the value is encoded (cycles, unregistered types in an
//     interface, members unknown to the vocabulary, text that is not UTF-8,
//     numbers that are not finite).
//   - [Registry.Fingerprint] covers every registered name, alias, field, type,
//     unit and enumeration member. Server and worker exchange it before any
//     task; [Differences] says in sentences what differs.
//
// A Registry is an explicit value, safe for concurrent use. It holds no global
// state and starts no goroutine.
//
// # The format
//
// A value is {"type":"<name>","value":{…}}. Fields travel under their json
// name, in the order of their declaration; embedded structs are flattened; a
// field tagged omitempty or omitzero is left out when it is zero, and all
// others must be there. An interface holds null or such a typed value again.
// Integers and floats are JSON numbers, []byte is base64, a time is RFC 3339 in
// UTC, a member of a run-time enumeration is its qualified name, and a nil
// slice, map or pointer is null. In a typed value the type comes first.
//
// # What it leaves out
//
// Migration: an alias renames a type but does not convert its fields. Sharing:
// two pointers to one thing arrive as two things. Secrecy and authenticity.
package registry
