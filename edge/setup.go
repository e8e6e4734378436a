package edge

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/process"
)

// Setup is what an edge is to its nodes, before it runs.
type Setup struct {
	First bool     // the authority was made by this call
	Pin   [32]byte // SHA-256 of the authority's public key
	Edges []string // addresses for tokens, host:port
}

// SetUp makes the data directory and the authority's keys where they are
// missing. It may be repeated and changes nothing that exists.
func (e *Edge) SetUp() (Setup, error) {
	if err := process.MakeStateDir(e.cfg.StateDir); err != nil {
		return Setup{}, err
	}
	_, err := os.Stat(e.authority.KeyPath())
	first := errors.Is(err, fs.ErrNotExist)
	if err := e.authority.Load(); err != nil {
		return Setup{}, err
	}
	return Setup{First: first, Pin: e.authority.Pin(), Edges: e.advertise()}, nil
}

// Restore makes a damaged store good, while no edge runs on its directory. All of it stays the
// directory's owner's.
func (e *Edge) Restore(ctx context.Context, how state.Restore) (*state.Restored, error) {
	r, err := e.store.Restore(ctx, how)
	if given := process.GiveToOwner(e.cfg.StateDir); err == nil {
		err = given
	}
	return r, err
}
