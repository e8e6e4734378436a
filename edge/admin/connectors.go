package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

func (h *Handler) connectorView(sn *model.Snapshot, c model.Connector) Connector {
	return Connector{
		ID: c.ID, Tunnel: sn.Tunnels[c.Tunnel].Name, Hostname: c.Hostname, OS: c.OS, Created: c.Created,
		LastSeen: h.cfg.Store.Seen(c.ID), Revoked: c.Revoked,
		Link: h.presence(proto.Identity{Role: proto.RoleConnector, ID: c.ID, Tunnel: c.Tunnel}),
	}
}

// connectors lists the connectors of a tunnel (id), oldest first.
func (h *Handler) connectors(sn *model.Snapshot, tunnel string) []Connector {
	var out []Connector
	for _, c := range sn.ConnectorsOf(tunnel) {
		out = append(out, h.connectorView(sn, c))
	}
	return out
}

// listConnectors lists those of one tunnel, or of all by the tunnels' names.
func (h *Handler) listConnectors(r *http.Request) (any, error) {
	out := []Connector{}
	if name := r.URL.Query().Get("tunnel"); name != "" {
		t, err := h.findTunnel(name)
		return append(out, t.Connectors...), err
	}
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	for id := range sn.Tunnels {
		out = append(out, h.connectors(sn, id)...)
	}
	slices.SortStableFunc(out, func(a, b Connector) int { return strings.Compare(a.Tunnel, b.Tunnel) })
	return out, nil
}

func (h *Handler) revokeConnector(r *http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	name := r.PathValue("id")
	c, n := sn.Connector(name)
	switch {
	case n == 0:
		return nil, state.NotFound(state.NoConnector, name)
	case n > 1:
		return nil, &advice.Error{Text: fmt.Sprintf("%d connectors begin with %s", n, name), Advice: "write more of the id"}
	}
	v := h.connectorView(sn, c) // with the link that is ended now
	_, err = h.cfg.Store.RevokeConnector(r.Context(), c.ID)
	if err == nil || errors.Is(err, state.ErrHeld) {
		h.record(r, "connector revoke", c.ID, fmt.Sprintf("tunnel %s, host %s", v.Tunnel, v.Hostname))
	}
	if err != nil {
		return nil, err
	}
	v.Revoked = true
	return v, nil
}

// evict puts out who has not enrolled with the token keep of the same tunnel.
func (h *Handler) evict(r *http.Request, keep string) ([]Connector, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	gone, err := h.cfg.Store.EvictConnectors(r.Context(), sn.Tokens[keep].Tunnel, keep)
	out := make([]Connector, len(gone))
	for i, c := range gone {
		out[i] = h.connectorView(sn, c)
		h.record(r, "connector evict", c.ID, fmt.Sprintf("tunnel %s, host %s", out[i].Tunnel, out[i].Hostname))
	}
	return out, err
}
