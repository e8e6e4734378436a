package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/term"
)

func (h *Handler) tunnelView(sn *model.Snapshot, t model.Tunnel) Tunnel {
	v := Tunnel{ID: t.ID, Name: t.Name, Created: t.Created, Connectors: h.connectors(sn, t.ID), MaxConnectors: t.Limit()}
	for _, r := range sn.RoutesOf(t.ID) {
		v.Routes = append(v.Routes, r.Prefix)
	}
	return v
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
	t, err := h.cfg.Store.CreateTunnelFor(r.Context(), req.Name, cmp.Or(req.MaxConnectors, model.DefaultConnectors))
	if err != nil {
		return nil, err
	}
	h.record(r, "tunnel create", t.Name, t.ID)
	v, err := h.findTunnel(t.ID)
	if grants := h.cfg.Store.Snapshot().Policy.GrantsTo(t.Name); len(grants) > 0 { // left by one of that name
		v.Hint = namedAlready(grants)
	}
	return v, err
}

func (h *Handler) setTunnel(r *http.Request) (any, error) {
	var req setTunnelRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	t, err := h.cfg.Store.SetMaxConnectors(r.Context(), r.PathValue("name"), req.MaxConnectors)
	if err != nil {
		return nil, err
	}
	h.record(r, "tunnel set", t.Name, fmt.Sprintf("max connectors %d", t.Limit()))
	return h.findTunnel(t.ID)
}

func (h *Handler) renameTunnel(r *http.Request) (any, error) {
	var req renameRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	h.applying.Lock() // a policy that is being applied knows the tunnel by one name
	defer h.applying.Unlock()
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	t, old, grants, err := h.cfg.Store.RenameTunnel(r.Context(), r.PathValue("name"), req.Name)
	if err != nil {
		return nil, err
	}
	h.record(r, "tunnel rename", t.Name, fmt.Sprintf("it was %s; %s changed", old, term.Count(len(grants), "grant")))
	v, err := h.findTunnel(t.ID)
	out := RenamedTunnel{Tunnel: v, Was: old, Grants: append([]string{}, grants...)}
	left := slices.DeleteFunc(sn.Policy.GrantsTo(t.Name), func(id string) bool { return slices.Contains(grants, id) })
	if len(left) > 0 && old != t.Name { // by one of that name
		out.Hint = namedAlready(left)
	}
	return out, err
}

// namedAlready warns of grants that named a tunnel before it had the name.
func namedAlready(grants []string) string {
	return "grants name it already (" + term.Few(grants) + "): whom they name reaches all that is routed to it; see oneping policy show"
}

func (h *Handler) deleteTunnel(r *http.Request) (any, error) {
	name := r.PathValue("name")
	h.applying.Lock() // a policy that is being applied may name the tunnel, and then it stays
	defer h.applying.Unlock()
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
	name := r.PathValue("name")
	tok, err := h.cfg.Authority.TunnelToken(r.Context(), name, req.Rotate)
	if err != nil {
		return nil, err
	}
	action := "tunnel token"
	if req.Rotate {
		action = "tunnel token rotate"
	}
	h.record(r, action, name, "token "+tok.ID)
	out := Token{Token: tok.String(), ID: tok.ID, Edges: tok.Edges}
	if req.Evict {
		out.Evicted, err = h.evict(r, tok.ID)
	}
	return out, err
}

// CheckMaxConnectors says whether a tunnel may have n connectors, as the edge would.
func CheckMaxConnectors(n int) error {
	if err := state.CheckLimit(n); err != nil {
		return advise(err)
	}
	return nil
}
