// Package client is how programs use an execution server: find one or start
// one, hand it plates, follow them, and leave.
//
//	c, err := client.Connect(ctx, client.Options{Places: places})
//	if err != nil { … }
//	defer c.Close()
//	accepted, err := c.Submit(ctx, message.Execute{PlateID: "/plates/p1", PipelineCode: text})
//	execution, err := c.Follow(ctx, accepted.ExecutionID, func(e *progress.Event) { … })
//
// The command line does what it does through this package and nothing else.
//
// A client ends a server when it leaves only if it started it and the server is
// not persistent; such a server also ends by itself after its last client and
// execution.
//
// Goroutines: those of package control, and in Follow one subscription; all end
// with Close or their context.
package client
