package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/wellhouse-hcs/wellhouse/ipc/control"
	"github.com/wellhouse-hcs/wellhouse/supervisor/place"
	"github.com/wellhouse-hcs/wellhouse/worker/result"
)

// keyPair is a CURVE key pair in Z85 text.
type keyPair struct {
	Public string `json:"public"`
	Secret string `json:"secret"`
}

// clientKeys is what a client needs to connect to a server with --curve.
type clientKeys struct {
	Server string `json:"server"` // the server's public key
	keyPair
}

// serverKeys are a server's key pair and the clients it lets in.
type serverKeys struct {
	keyPair
	Clients map[string]string `json:"clients"` // name → public key
}

func keysPath(p place.Places) string { return filepath.Join(p.State, "keys.json") }

func newKeyPair() (keyPair, error) {
	public, secret, err := control.NewKeys()
	return keyPair{public, secret}, err
}

// readServerKeys reads the server's keys; ok is false when there are none yet.
func readServerKeys(p place.Places) (keys serverKeys, ok bool, err error) {
	text, err := os.ReadFile(keysPath(p))
	if errors.Is(err, fs.ErrNotExist) {
		return serverKeys{Clients: map[string]string{}}, false, nil
	}
	if err != nil {
		return serverKeys{}, false, fmt.Errorf("read keys: %w", err)
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		return serverKeys{}, false, fmt.Errorf("read keys: %s: %w", keysPath(p), err)
	}
	return keys, true, nil
}

func writePrivate(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := renameio.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func readClientKeys(path string) (*control.Curve, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	var k clientKeys
	if err := json.Unmarshal(text, &k); err != nil {
		return nil, fmt.Errorf("read keys: %s: %w", path, err)
	}
	if k.Server == "" || k.Public == "" || k.Secret == "" {
		return nil, fmt.Errorf("read keys: %s lacks a key: make it again with `supervisor keys client`", path)
	}
	return &control.Curve{ServerKey: k.Server, PublicKey: k.Public, SecretKey: k.Secret}, nil
}

func (a *app) keysCommand() *cobra.Command {
	k := &connection{}
	c := &cobra.Command{
		Use:     "keys",
		Short:   "Make and list the keys that serve --curve asks for",
		GroupID: "server",
		Args:    subcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := &cobra.Command{
		Use: "list", Short: "List the clients that may connect", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.listKeys(k) },
	}
	add := &cobra.Command{
		Use:   "client NAME FILE",
		Short: "Make keys for a client, let it in, and write them to FILE (0600)",
		Args:  cobra.ExactArgs(2),
		RunE:  func(_ *cobra.Command, args []string) error { return a.addKey(k, args[0], args[1]) },
	}
	remove := &cobra.Command{
		Use: "revoke NAME", Short: "Let a client in no longer", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.revokeKey(k, args[0]) },
	}
	for _, sub := range []*cobra.Command{list, add, remove} {
		k.placeFlags(sub)
	}
	c.AddCommand(list, add, remove)
	return c
}

// lockKeys keeps other commands from changing the keys meanwhile, or a change
// would be lost.
func lockKeys(p place.Places) (release func(), err error) {
	lock, err := result.TryLock(keysPath(p)+".lock", fmt.Sprintf("process %d", os.Getpid()))
	if errors.Is(err, result.ErrLocked) {
		return nil, usagef("another command is changing the keys: try again (%w)", err)
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Release() }, nil
}

// loadOrMakeKeys returns the server's keys, making them when there are none.
func loadOrMakeKeys(p place.Places) (serverKeys, error) {
	keys, ok, err := readServerKeys(p)
	if err != nil || ok {
		return keys, err
	}
	if keys.keyPair, err = newKeyPair(); err != nil {
		return keys, err
	}
	return keys, writePrivate(keysPath(p), keys)
}

// makeKeys is loadOrMakeKeys for who holds no lock yet.
func makeKeys(p place.Places) (serverKeys, error) {
	release, err := lockKeys(p)
	if err != nil {
		return serverKeys{}, err
	}
	defer release()
	return loadOrMakeKeys(p)
}

func (a *app) listKeys(k *connection) error {
	places, err := a.places(k)
	if err != nil {
		return err
	}
	keys, ok, err := readServerKeys(places)
	if err != nil {
		return err
	}
	return a.show(map[string]any{"server": keys.Public, "clients": keys.Clients}, func(w io.Writer) error {
		if !ok {
			_, err := fmt.Fprintln(w, "There are no keys yet: supervisor keys client NAME FILE")
			return err
		}
		fmt.Fprintf(w, "server  %s\n", keys.Public)
		names := make([]string, 0, len(keys.Clients))
		for name := range keys.Clients {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(w, "client  %s  %s\n", keys.Clients[name], name)
		}
		return nil
	})
}

func (a *app) addKey(k *connection, name, path string) error {
	if strings.TrimSpace(name) == "" {
		return usagef("a client needs a name")
	}
	places, err := a.places(k)
	if err != nil {
		return err
	}
	if err := places.Make(); err != nil {
		return err
	}
	release, err := lockKeys(places)
	if err != nil {
		return err
	}
	defer release()
	keys, err := loadOrMakeKeys(places)
	if err != nil {
		return err
	}
	if keys.Clients[name] != "" {
		return usagef("client %q has keys already: revoke them first with `supervisor keys revoke %s`", name, name)
	}
	pair, err := newKeyPair()
	if err != nil {
		return err
	}
	if err := writePrivate(path, clientKeys{keys.Public, pair}); err != nil {
		return usage(err)
	}
	keys.Clients[name] = pair.Public
	if err := writePrivate(keysPath(places), keys); err != nil {
		return err
	}
	return a.show(map[string]string{"client": name, "public": pair.Public, "file": path}, func(io.Writer) error {
		_, err := fmt.Fprintf(a.errs, "Wrote %s. A running server lets %s in within seconds; connect with --connect HOST --key %s\n", path, name, path)
		return err
	})
}

func (a *app) revokeKey(k *connection, name string) error {
	places, err := a.places(k)
	if err != nil {
		return err
	}
	if err := places.Make(); err != nil {
		return err
	}
	release, err := lockKeys(places)
	if err != nil {
		return err
	}
	defer release()
	keys, _, err := readServerKeys(places)
	if err != nil {
		return err
	}
	if keys.Clients[name] == "" {
		return usagef("there is no client %q: see `supervisor keys list`", name)
	}
	delete(keys.Clients, name)
	if err := writePrivate(keysPath(places), keys); err != nil {
		return err
	}
	return a.show(map[string]string{"revoked": name}, func(io.Writer) error {
		_, err := fmt.Fprintf(a.errs, "A running server stops letting %s in within seconds.\n", name)
		return err
	})
}
