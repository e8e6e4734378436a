package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

func (h *Handler) deviceView(d model.Device) Device {
	return Device{
		ID: d.ID, Name: d.Name, User: d.User, OS: d.OS, Addr4: d.Addr4, Addr6: d.Addr6, Created: d.Created,
		LastSeen: h.cfg.Store.Seen(d.ID), Revoked: d.Revoked, Link: h.presence(proto.Identity{Role: proto.RoleClient, ID: d.ID}),
	}
}

func (h *Handler) listDevices(*http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	out := []Device{}
	for _, d := range sn.Devices {
		out = append(out, h.deviceView(d))
	}
	slices.SortFunc(out, func(a, b Device) int { return a.Addr4.Compare(b.Addr4) })
	return out, nil
}

// findDevice finds a device by its id, an unambiguous beginning of it, or one of its addresses.
func findDevice(sn *model.Snapshot, name string) (model.Device, error) {
	if d, ok := sn.Devices[name]; ok {
		return d, nil
	}
	addr, _ := netip.ParseAddr(name) // the zero Addr equals no device's
	var found []model.Device
	for _, d := range sn.Devices {
		if addr.IsValid() && slices.Contains(d.Addrs(), addr) || len(name) >= 4 && strings.HasPrefix(d.ID, name) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return model.Device{}, state.NotFound(state.NoDevice, name)
	}
	return model.Device{}, &advice.Error{Text: fmt.Sprintf("%d devices begin with %s", len(found), name), Advice: "write more of the id"}
}

func (h *Handler) device(r *http.Request) (model.Device, error) {
	sn, err := h.snapshot()
	if err != nil {
		return model.Device{}, err
	}
	return findDevice(sn, r.PathValue("id"))
}

func (h *Handler) showDevice(r *http.Request) (any, error) {
	d, err := h.device(r)
	if err != nil {
		return nil, err
	}
	return h.deviceView(d), nil
}

func (h *Handler) revokeDevice(r *http.Request) (any, error) {
	d, err := h.device(r)
	if err != nil {
		return nil, err
	}
	err = h.cfg.Store.RevokeDevice(r.Context(), d.ID)
	if err == nil || errors.Is(err, state.ErrHeld) {
		h.record(r, "device revoke", d.ID, d.User)
	}
	if err != nil {
		return nil, err
	}
	d.Revoked = true
	return h.deviceView(d), nil
}

func (h *Handler) deviceToken(r *http.Request) (any, error) {
	var req deviceTokenRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	tok, err := h.cfg.Authority.IssueDeviceToken(r.Context(), req.User, time.Duration(req.TTL)*time.Second)
	if err != nil {
		return nil, err
	}
	user := model.FoldUser(req.User)
	h.record(r, "device token", user, "token "+tok.ID)
	out := Token{Token: tok.String(), ID: tok.ID, Edges: tok.Edges}
	if err := h.cfg.Store.CheckRoom(); err != nil {
		out.Hint = err.Error() + ", nobody can enrol; " + state.AdvicePool
	} else if !h.cfg.Policy().Names(user) {
		out.Hint = "no grant names " + user + ", or a group of it: all that the device asks for is denied, until oneping policy apply -f FILE"
	}
	if t, ok := h.cfg.Store.Snapshot().Tokens[tok.ID]; ok && t.Expires != nil {
		out.Expires = *t.Expires
	}
	return out, nil
}
