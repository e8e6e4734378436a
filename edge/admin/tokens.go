package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

func (h *Handler) issuedView(sn *model.Snapshot, t *model.Token, now time.Time) IssuedToken {
	v := IssuedToken{ID: t.ID, Kind: t.Kind, Created: t.Created, Device: t.Device, State: TokenGood, User: t.User}
	if t.Kind == string(proto.TokenTunnel) {
		v.Tunnel = sn.Tunnels[t.Tunnel].Name
	}
	if t.Expires != nil {
		v.Expires = *t.Expires
	}
	switch {
	case t.Used != nil:
		v.State, v.Used = TokenUsed, *t.Used
	case t.Revoked && t.Kind == string(proto.TokenTunnel) && !t.Cancelled:
		v.State = TokenRotated
	case t.Revoked:
		v.State = TokenCancelled
	case t.Expires != nil && now.After(*t.Expires):
		v.State = TokenExpired
	}
	return v
}

// listTokens lists the tokens that could still enrol somebody, the oldest first; with all those
// that could once, too, as long as they are remembered.
func (h *Handler) listTokens(r *http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	all, out := r.URL.Query().Get("all") != "", []IssuedToken{}
	for _, t := range sn.Tokens {
		if v := h.issuedView(sn, &t, time.Now()); all || v.State == TokenGood {
			out = append(out, v)
		}
	}
	sortIssued(out)
	return out, nil
}

func sortIssued(tokens []IssuedToken) {
	slices.SortFunc(tokens, func(a, b IssuedToken) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

func (h *Handler) cancelToken(r *http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	name := r.PathValue("id")
	t, n := sn.Token(name)
	switch {
	case n == 0:
		return nil, state.NotFound(state.NoToken, name)
	case n > 1:
		return nil, &advice.Error{Text: fmt.Sprintf("%d tokens begin with %s", n, name), Advice: "write more of the id"}
	}
	return h.cancel(r, sn, &t)
}

// cancel cancels one token.
func (h *Handler) cancel(r *http.Request, sn *model.Snapshot, t *model.Token) (IssuedToken, error) {
	v := h.issuedView(sn, t, time.Now())
	_, err := h.cfg.Store.CancelToken(r.Context(), t.ID)
	if err == nil || errors.Is(err, state.ErrHeld) {
		h.record(r, "token cancel", t.ID, v.For())
	}
	if err == nil && (v.State == TokenGood || v.State == TokenUsed) {
		v.State = TokenCancelled
	}
	return v, err
}

// enrols says whether a token may let in a device: nobody has used it, or who has may ask once more,
// as there is no device yet.
func (h *Handler) enrols(sn *model.Snapshot, t *model.Token) bool {
	is := h.issuedView(sn, t, time.Now()).State
	_, there := sn.Devices[t.Device]
	return is == TokenGood || is == TokenUsed && !there
}

// revokeUser shuts everything out that a user has: devices, and tokens that would let in others.
func (h *Handler) revokeUser(r *http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	out := RevokedUser{User: model.FoldUser(r.PathValue("user")), Devices: []Device{}, Tokens: []IssuedToken{}}
	var failed []error
	for _, t := range sn.Tokens { // first: nobody is to enrol while the devices are put out
		if model.FoldUser(t.User) != out.User || !h.enrols(sn, &t) {
			continue
		}
		v, err := h.cancel(r, sn, &t)
		out.Tokens, failed = append(out.Tokens, v), append(failed, err)
	}
	sortIssued(out.Tokens)
	if sn, err = h.snapshot(); err != nil { // with who enrolled before his token was cancelled
		return nil, err
	}
	for _, d := range sn.Devices {
		switch {
		case model.FoldUser(d.User) != out.User || d.Deleted:
			continue
		case d.Revoked:
			out.Before++
			continue
		}
		v, err := h.revoke(r, d)
		out.Devices, failed = append(out.Devices, v), append(failed, err)
	}
	sortDevices(out.Devices)
	if len(out.Devices)+len(out.Tokens)+out.Before == 0 {
		return nil, state.NotFound(state.NoUser, out.User)
	}
	if sn.Policy.NamesUser(out.User) {
		out.Hint = "the policy still names " + out.User + ": take that out before another device enrols: oneping policy show"
	}
	return out, errors.Join(failed...)
}
