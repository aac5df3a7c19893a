// Package pickle reads and writes Python pickles of plain data, and nothing
// else.
//
// Existing OpenHCS clients speak pickled dicts. A pickle is a program for a
// stack machine that can import and call anything; [Decode] runs only the
// opcodes that build None, bool, int, float, str, list, tuple and dict with
// str keys. Every other opcode (GLOBAL, REDUCE, INST, OBJ, BUILD, EXT,
// persistent ids, text numbers, bytes, sets …) ends decoding with an error;
// nothing is resolved and nothing is called.
//
// Size, number of values and nesting are bounded ([MaxSize], [MaxValues],
// [MaxDepth]), with aliases counted each time they are used, so that a small
// pickle cannot unfold into a large value; cycles and trailing bytes are
// refused. Work is linear in the input. A decoded value is a tree: two places
// that shared an object in Python have their own copies here.
//
// Accepted: protocols 2 to 5, integers of 64 bits, text that is UTF-8.
// [Encode] writes protocol 4 with lists as lists and text as str. (og-rek is the
// oracle of the tests, not the encoder: it writes integers over 32 bits as text.)
//
// Do not log decoded values whole: they are as large as their sender liked.
package pickle
