package client

import (
	"context"

	"github.com/wellhouse-hcs/wellhouse/ipc/message"
)

// Overview returns what runs and what waits.
func (c *Client) Overview(ctx context.Context) (message.StatusReply, error) {
	var reply message.StatusReply
	err := c.Call(ctx, message.Status{}, &reply)
	return reply, err
}

// Results returns what an ended execution gave.
func (c *Client) Results(ctx context.Context, id string) (message.ResultsReply, error) {
	var reply message.ResultsReply
	err := c.Call(ctx, message.Results{ExecutionID: id}, &reply)
	return reply, err
}

// History returns recorded executions, newest first; a limit of 0 means 50.
func (c *Client) History(ctx context.Context, limit int, plate string) ([]message.Execution, error) {
	var reply message.HistoryReply
	err := c.Call(ctx, message.History{Limit: limit, PlateID: plate}, &reply)
	return reply.Executions, err
}

// Processes returns the server's process tree.
func (c *Client) Processes(ctx context.Context) (message.Process, error) {
	var reply message.PsReply
	err := c.Call(ctx, message.Ps{}, &reply)
	return reply.Tree, err
}
