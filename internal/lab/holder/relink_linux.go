package holder

import (
	"context"
	"time"

	"github.com/oneping/oneping/internal/lab"
	"github.com/oneping/oneping/internal/local"
)

// How long an edge that was started is waited for to have its nodes back: who dials it again does so
// within a second, who has to notice first within some.
const (
	relinkWithin = 5 * time.Second
	relinkEvery  = 50 * time.Millisecond
)

// awaitLinks waits until the edge that has just been started has a link to each laptop and connector
// that runs, and they say so, too: the next command in the lab finds the path. One that stays away
// (its links are down, it was revoked) is no reason to fail: lab status shows it.
func (h *holder) awaitLinks(ctx context.Context, edge *lab.Node) {
	ctx, cancel := context.WithTimeout(ctx, relinkWithin)
	defer cancel()
	tick := time.NewTicker(relinkEvery)
	defer tick.Stop()
	for !h.linked(ctx, edge) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// linked says whether the edge and each node that runs see each other.
func (h *holder) linked(ctx context.Context, edge *lab.Node) bool {
	want := 0
	for i := range h.network.topology.Nodes {
		node := &h.network.topology.Nodes[i]
		role, ok := h.cast.roles[node.Name]
		if !ok || node.Kind == lab.KindEdge || role.snapshot().state != lab.StateRunning {
			continue
		}
		if up := askLinked(node); up == nil || !*up {
			return false
		}
		want++
	}
	have, err := countLinks(ctx, edge)
	return err == nil && have >= want
}

// countLinks asks the edge how many nodes have a link to it.
func countLinks(ctx context.Context, edge *lab.Node) (int, error) {
	var said struct {
		Devices []struct{} `json:"devices"`
		Tunnels []struct {
			Connectors []struct{} `json:"connectors"`
		} `json:"tunnels"`
	}
	err := local.Get(ctx, local.Socket(stateDir(edge)), roleOf(edge.Kind), "/v1/status", &said)
	have := len(said.Devices)
	for _, t := range said.Tunnels {
		have += len(t.Connectors)
	}
	return have, err
}
