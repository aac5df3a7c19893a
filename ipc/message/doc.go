// Package message is what clients and the server say to each other on the
// control channel: the requests, their replies and their errors, as Go types
// for both sides.
//
// A message is one frame: a JSON object, or a pickled dict as OpenHCS's
// clients send it. The first byte tells which ([CodecOf]), and a reply uses
// its request's codec. Received bytes are data: nothing in a message is ever
// executed, and size, nesting and number of values are bounded as in package
// pickle.
//
// A server reads a frame with [Decode] and its typed form with
// [Incoming.Request], answers with one of the reply types through
// [Codec.Encode], and turns every error into a reply with [EncodeError]. A
// client writes with [EncodeRequest] and reads with [DecodeReply], which
// returns an error reply as an [*Error].
//
// Field names and error texts are those that existing clients know; fields
// beyond them are additions for native clients, which others ignore. Unknown
// fields of a request are ignored.
package message
