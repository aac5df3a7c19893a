package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/ipc/control"
	"github.com/wellhouse-hcs/wellhouse/ipc/message"
	"github.com/wellhouse-hcs/wellhouse/supervisor/client"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
)

// connection are the flags that say which server is meant.
type connection struct {
	port    int
	control int
	host    string
	dataDir string
	key     string // file with the client's keys and the server's public key
}

func (k *connection) flags(c *cobra.Command) {
	k.placeFlags(c)
	c.Flags().StringVar(&k.host, "connect", "", "connect over TCP to this host; default is this user's own sockets")
	c.Flags().StringVar(&k.key, "key", "", "file with this client's keys ('supervisor keys client'), for a server with --curve")
}

func (k *connection) placeFlags(c *cobra.Command) {
	c.Flags().IntVar(&k.port, "port", place.DefaultPort, "data port of the server")
	c.Flags().IntVar(&k.control, "control-port", 0, "control port of the server (default: 1000 above the data port)")
	c.Flags().StringVar(&k.dataDir, "data-dir", "", "directory of records and logs (default $XDG_STATE_HOME/wellhouse)")
}

func (k *connection) check() error {
	if k.port < 1 || k.port > 65535 {
		return usagef("--port %d: want 1 to 65535", k.port)
	}
	switch {
	case k.control == 0 && k.port > 65535-place.ControlOffset:
		return usagef("--port %d: control would be %d above, beyond 65535: choose it with --control-port", k.port, place.ControlOffset)
	case k.control < 0 || k.control > 65535 || k.control == k.port:
		return usagef("--control-port %d: want 1 to 65535, and another than --port", k.control)
	}
	return nil
}

func (a *app) places(k *connection) (place.Places, error) {
	p, err := place.Find(a.getenv, k.dataDir)
	return p, usage(err)
}

func (a *app) clientOptions(k *connection) (client.Options, error) {
	if err := k.check(); err != nil {
		return client.Options{}, err
	}
	places, err := a.places(k)
	if err != nil {
		return client.Options{}, err
	}
	o := client.Options{Places: places, Port: k.port, Control: k.control, Host: k.host}
	if k.key != "" {
		if o.Curve, err = readClientKeys(k.key); err != nil {
			return client.Options{}, usage(err)
		}
	}
	return o, nil
}

// connect finds the server.
func (a *app) connect(ctx context.Context, k *connection) (*client.Client, error) {
	o, err := a.clientOptions(k)
	if err != nil {
		return nil, err
	}
	c, err := client.Connect(ctx, o)
	return c, serverError(err)
}

// connectOrStart finds the server or starts one that ends when it is not needed.
func (a *app) connectOrStart(ctx context.Context, k *connection, more ...string) (*client.Client, error) {
	o, err := a.clientOptions(k)
	if err != nil {
		return nil, err
	}
	if o.Host != "" {
		return a.connect(ctx, k)
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own executable: %w", err)
	}
	args := append([]string{"serve", "--port", strconv.Itoa(k.port), "--persistent=false", "--ready-fd", strconv.Itoa(client.ReadyFD)}, more...)
	if k.control != 0 {
		args = append(args, "--control-port", strconv.Itoa(k.control))
	}
	if k.dataDir != "" {
		args = append(args, "--data-dir", o.Places.State)
	}
	c, err := client.ConnectOrStart(ctx, o, client.Start{
		Binary: binary, Args: args, Log: filepath.Join(o.Places.State, "server-start.log"),
	})
	return c, serverError(err)
}

// reviver starts a server again that this command had started. Its successor
// finds the executions, and takes over the workers that live.
func (a *app) reviver(k *connection, serve []string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := a.connectOrStart(ctx, k, serve...)
		if err == nil {
			c.Close()
		}
		return err
	}
}

// serverError gives an error of the connection its exit code.
func serverError(err error) error {
	var refusal *message.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal) && refusal.Code == message.CodeNotFound:
		return usagef("%w: list them with `supervisor history`", err)
	case errors.As(err, &refusal):
		return usage(err) // the server understood and will not
	case errors.Is(err, context.Canceled):
		return &exitError{ExitInterrupted, errors.New("interrupted")}
	case errors.Is(err, client.ErrNoServer), errors.Is(err, client.ErrLost),
		errors.Is(err, control.ErrNoReply), errors.Is(err, control.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return &exitError{ExitNoServer, err}
	default:
		return err
	}
}
