package admin

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/hop"
)

func (h *Handler) routeView(sn *model.Snapshot, r model.Route) Route {
	t := Tunnel{Connectors: h.connectors(sn, r.Tunnel)}
	return Route{Prefix: r.Prefix, Tunnel: sn.Tunnels[r.Tunnel].Name, Connected: t.Connected(), Created: r.Created}
}

func (h *Handler) listRoutes(*http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	out := []Route{}
	for _, r := range sn.Routes {
		out = append(out, h.routeView(sn, r))
	}
	return out, nil
}

func (h *Handler) addRoute(r *http.Request) (any, error) {
	var req addRouteRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	p, err := meant(req.Prefix, req.Wide)
	if err != nil {
		return nil, err
	}
	route, err := h.cfg.Store.AddRoute(r.Context(), p, req.Tunnel)
	if err != nil {
		return nil, err
	}
	sn := h.cfg.Store.Snapshot()
	v := h.routeView(sn, route)
	if !reached(&sn.Policy, p, v.Tunnel) {
		v.Hint = "no grant reaches " + p.String() + " yet, so everything there is denied: oneping policy apply -f FILE"
	}
	h.record(r, "route add", p.String(), "tunnel "+v.Tunnel)
	return v, nil
}

// reached says whether any grant names a part of p.
func reached(policy *model.Policy, p netip.Prefix, tunnel string) bool {
	for _, g := range policy.Grants {
		for _, to := range g.To {
			if to == "*" || to == "tunnel:"+tunnel {
				return true
			}
			if q, err := prefixOf(to); err == nil && q.Overlaps(p) {
				return true
			}
		}
	}
	return false
}

func (h *Handler) deleteRoute(r *http.Request) (any, error) {
	p, err := prefixOf(r.URL.Query().Get("prefix"))
	if err != nil {
		return nil, err
	}
	if err := h.cfg.Store.DeleteRoute(r.Context(), p); err != nil {
		return nil, err
	}
	h.record(r, "route delete", p.String(), "")
	return done{}, nil
}

func (h *Handler) lookup(r *http.Request) (any, error) {
	a, err := netip.ParseAddr(r.URL.Query().Get("addr"))
	if err != nil {
		return nil, &advice.Error{Text: fmt.Sprintf("%q is not an address", r.URL.Query().Get("addr")), Advice: "write it as 172.16.10.120 or fd00::1"}
	}
	if a.Zone() != "" {
		return nil, &advice.Error{Text: fmt.Sprintf("%q has a zone, which means something on one host alone", a), Advice: "write the address without it"}
	}
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	return h.lookupAddr(sn, a.Unmap()), nil
}

func (h *Handler) lookupAddr(sn *model.Snapshot, a netip.Addr) *Lookup {
	captured := sn.Capture
	if h.cfg.Capture != nil {
		captured = h.cfg.Capture()
	}
	out := &Lookup{Addr: a, Silent: h.cfg.Silent, Kept: hop.Kept(netip.PrefixFrom(a, a.BitLen()))}
	out.Captured = out.Kept == "" && slices.ContainsFunc(captured, func(p netip.Prefix) bool { return p.Contains(a) })
	if route, ok := sn.Lookup(a); ok {
		v := h.routeView(sn, route)
		out.Route, out.Connectors = &v, h.connectors(sn, route.Tunnel)
	}
	return out
}

func (h *Handler) listCapture(*http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	return append([]netip.Prefix{}, sn.Capture...), nil
}

func (h *Handler) addCapture(r *http.Request) (any, error) {
	var req addCaptureRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	p, err := meant(req.Prefix, req.Wide)
	if err != nil {
		return nil, err
	}
	if err := h.cfg.Store.AddCapture(r.Context(), p); err != nil {
		return nil, err
	}
	h.record(r, "capture add", p.String(), "")
	return done{}, nil
}

func (h *Handler) removeCapture(r *http.Request) (any, error) {
	p, err := prefixOf(r.URL.Query().Get("prefix"))
	if err != nil {
		return nil, err
	}
	if err := h.cfg.Store.RemoveCapture(r.Context(), p); err != nil {
		return nil, err
	}
	h.record(r, "capture delete", p.String(), "")
	return done{}, nil
}
