package edge

import (
	"context"
	"maps"
	"slices"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
)

// Rekeyed is what came of Rekey.
type Rekeyed struct {
	identity.Rekeyed
	Tunnels []string `json:"tunnels"` // that want a new token, by name
	Users   []string `json:"users"`   // whose devices must enrol anew; none where the authority stays
}

// Rekey makes a new secret, and with authority a new key for the authority, while no edge runs on
// the state directory (see identity.Authority.Rekey). An edge that was rekeyed is not run: the next
// one reads the new files, which are the directory's owner's.
func (e *Edge) Rekey(ctx context.Context, authority bool) (Rekeyed, error) {
	r, err := e.rekey(ctx, authority)
	if err != nil {
		_ = process.GiveToOwner(e.cfg.StateDir) // what is there of it
		return r, err
	}
	return r, process.GiveToOwner(e.cfg.StateDir)
}

func (e *Edge) rekey(ctx context.Context, authority bool) (Rekeyed, error) {
	if !e.authority.Exists() {
		return Rekeyed{}, &advice.Error{
			Text:   "rekey " + e.cfg.StateDir + ": no edge has its state there",
			Advice: "name the edge's with --state-dir",
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	stored := make(chan error, 1)
	go func() { stored <- e.store.Run(ctx) }()
	defer func() { cancel(); <-stored }()
	select {
	case <-e.store.Ready():
	case err := <-stored:
		stored <- err
		return Rekeyed{}, err
	}
	sn := e.store.Snapshot()
	r, err := e.authority.Rekey(ctx, authority)
	out := Rekeyed{Rekeyed: r, Tunnels: []string{}, Users: []string{}}
	for _, t := range sn.Tunnels {
		out.Tunnels = append(out.Tunnels, t.Name)
	}
	slices.Sort(out.Tunnels)
	if authority {
		out.Users = usersOf(sn)
	}
	return out, err
}

// usersOf returns the users of the devices that are let in, each once.
func usersOf(sn *model.Snapshot) []string {
	users := make(map[string]bool)
	for _, d := range sn.Devices {
		if !d.Revoked {
			users[d.User] = true
		}
	}
	return slices.Sorted(maps.Keys(users))
}
