package admin

import (
	"net/http"
	"slices"
	"strings"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/proto"
)

func (h *Handler) tunnelView(sn *model.Snapshot, t model.Tunnel) Tunnel {
	v := Tunnel{ID: t.ID, Name: t.Name, Created: t.Created, Connectors: h.connectors(sn, t.ID)}
	for _, r := range sn.RoutesOf(t.ID) {
		v.Routes = append(v.Routes, r.Prefix)
	}
	return v
}

func (h *Handler) connectors(sn *model.Snapshot, tunnel string) []Connector {
	var out []Connector
	for _, r := range sn.ConnectorsOf(tunnel) {
		out = append(out, Connector{
			ID: r.ID, Hostname: r.Hostname, OS: r.OS, Created: r.Created, LastSeen: h.cfg.Store.Seen(r.ID), Revoked: r.Revoked,
			Link: h.presence(proto.Identity{Role: proto.RoleConnector, ID: r.ID, Tunnel: tunnel}),
		})
	}
	return out
}

func (h *Handler) listTunnels(*http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	out := []Tunnel{}
	for _, t := range sn.Tunnels {
		out = append(out, h.tunnelView(sn, t))
	}
	slices.SortFunc(out, func(a, b Tunnel) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (h *Handler) findTunnel(name string) (Tunnel, error) {
	sn, err := h.snapshot()
	if err != nil {
		return Tunnel{}, err
	}
	t, ok := sn.Tunnel(name)
	if !ok {
		return Tunnel{}, state.NotFound(state.NoTunnel, name)
	}
	return h.tunnelView(sn, t), nil
}

func (h *Handler) showTunnel(r *http.Request) (any, error) { return h.findTunnel(r.PathValue("name")) }

func (h *Handler) createTunnel(r *http.Request) (any, error) {
	var req createTunnelRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	t, err := h.cfg.Store.CreateTunnel(r.Context(), req.Name)
	if err != nil {
		return nil, err
	}
	h.record(r, "tunnel create", t.Name, t.ID)
	return h.findTunnel(t.ID)
}

func (h *Handler) deleteTunnel(r *http.Request) (any, error) {
	name := r.PathValue("name")
	if err := h.cfg.Store.DeleteTunnel(r.Context(), name); err != nil {
		return nil, err
	}
	h.record(r, "tunnel delete", name, "")
	return done{}, nil
}

func (h *Handler) tunnelToken(r *http.Request) (any, error) {
	var req tunnelTokenRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	tok, err := h.cfg.Authority.TunnelToken(r.Context(), r.PathValue("name"), req.Rotate)
	if err != nil {
		return nil, err
	}
	action := "tunnel token"
	if req.Rotate {
		action = "tunnel token rotate"
	}
	h.record(r, action, r.PathValue("name"), "token "+tok.ID)
	return Token{Token: tok.String(), ID: tok.ID, Edges: tok.Edges}, nil
}
