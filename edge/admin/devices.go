package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oneping/oneping/edge/identity"
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
		if !d.Deleted {
			out = append(out, h.deviceView(d))
		}
	}
	sortDevices(out)
	return out, nil
}

func sortDevices(devices []Device) {
	slices.SortFunc(devices, func(a, b Device) int {
		if c := a.Addr4.Compare(b.Addr4); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// findDevice finds a device by its id, an unambiguous beginning of it, or one of its addresses.
func findDevice(sn *model.Snapshot, name string) (model.Device, error) {
	if d, ok := sn.Devices[name]; ok && !d.Deleted {
		return d, nil
	}
	addr, _ := netip.ParseAddr(name) // the zero Addr equals no device's
	return onlyDevice(sn, name, "begin with", "write more of the id", func(d *model.Device) bool {
		return addr.IsValid() && slices.Contains(d.Addrs(), addr) || len(name) >= 4 && strings.HasPrefix(d.ID, name)
	})
}

// onlyDevice returns the one device that is meant by name.
func onlyDevice(sn *model.Snapshot, name, several, hint string, meant func(*model.Device) bool) (model.Device, error) {
	var found []model.Device
	for _, d := range sn.Devices {
		if !d.Deleted && meant(&d) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return model.Device{}, state.NotFound(state.NoDevice, name)
	}
	return model.Device{}, &advice.Error{Text: fmt.Sprintf("%d devices %s %s", len(found), several, name), Advice: hint}
}

// device finds the device of a request as findDevice does, or by what it alone is called.
func (h *Handler) device(r *http.Request) (model.Device, error) {
	sn, err := h.snapshot()
	if err != nil {
		return model.Device{}, err
	}
	name := r.PathValue("id")
	d, err := findDevice(sn, name)
	if !errors.Is(err, state.ErrNotFound) {
		return d, err
	}
	return onlyDevice(sn, name, "are called", "name one by its id: oneping device list", func(d *model.Device) bool { return d.Name == name })
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
	return h.revoke(r, d)
}

// revoke shuts a device out.
func (h *Handler) revoke(r *http.Request, d model.Device) (Device, error) {
	err := h.cfg.Store.RevokeDevice(r.Context(), d.ID)
	if err == nil || errors.Is(err, state.ErrHeld) {
		h.record(r, "device revoke", d.ID, d.User)
	}
	d.Revoked = true
	return h.deviceView(d), err
}

func (h *Handler) deleteDevice(r *http.Request) (any, error) {
	d, err := h.device(r)
	if err != nil {
		return nil, err
	}
	err = h.cfg.Store.DeleteDevice(r.Context(), d.ID)
	if err == nil || errors.Is(err, state.ErrHeld) {
		h.record(r, "device delete", d.ID, fmt.Sprintf("%s, host %s", d.User, d.Name))
	}
	d.Revoked = true
	return h.deviceView(d), err
}

func (h *Handler) renameDevice(r *http.Request) (any, error) {
	var req renameRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	if err := model.CheckName("device", req.Name); err != nil {
		return nil, badName(err)
	}
	d, err := h.device(r)
	if err != nil {
		return nil, err
	}
	if err := h.cfg.Store.RenameDevice(r.Context(), d.ID, req.Name); err != nil {
		return nil, err
	}
	h.record(r, "device rename", d.ID, fmt.Sprintf("%s is %s now", d.Name, req.Name))
	d.Name = req.Name
	return h.deviceView(d), nil
}

// badName is about a name that cannot be given; all such errors have a hint.
func badName(err error) error {
	if advice.Of(err) != "" {
		return err
	}
	return advice.With(err, "name it with letters, digits and hyphens")
}

func (h *Handler) deviceToken(r *http.Request) (any, error) {
	var req deviceTokenRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	seconds := min(req.TTL, int(identity.MaxDeviceTokenLife/time.Second)+1) // what is more is too much all the same
	tok, err := h.cfg.Authority.IssueDeviceToken(r.Context(), req.User, time.Duration(seconds)*time.Second)
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
