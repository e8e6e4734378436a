package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/advice"
)

// errPolicyMoved is found (errors.Is) in the error about a policy that is applied in the place of
// another than the one in force.
var errPolicyMoved = errors.New("policy changed meanwhile")

func (h *Handler) showPolicy(*http.Request) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	return policyView(sn)
}

func policyView(sn *model.Snapshot) (Policy, error) {
	text, err := policy.Source(sn.Policy)
	if err != nil {
		return Policy{}, err
	}
	v := Policy{Policy: sn.Policy, Source: string(text), Base: base(text)}
	v.Text = nil // Source says it
	return v, nil
}

// base names a text of a policy.
func base(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (h *Handler) applyPolicy(r *http.Request) (any, error) {
	var req applyPolicyRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	h.applying.Lock() // nobody comes between the comparison and the change
	defer h.applying.Unlock()
	sn, p, out, err := h.tryPolicy(req.Text)
	if err != nil {
		return nil, err
	}
	if now, err := policyView(sn); err != nil {
		return nil, err
	} else if req.Base != "" && req.Base != now.Base {
		return nil, &advice.Error{
			Text:   "apply policy: the policy in force has changed since it was read",
			Advice: "see what is otherwise: oneping policy diff FILE", Cause: errPolicyMoved,
		}
	}
	if err := h.cfg.Store.PutPolicy(r.Context(), p); err != nil {
		return nil, err
	}
	if now := h.cfg.Store.Snapshot(); now.Policy.Text == nil {
		out.Hints = append(out.Hints, "there is no room for the text beside the policy: oneping policy show will write it anew, without comments")
	}
	h.record(r, "policy apply", "", policy.Summary(out.Changes))
	return out, nil
}

// diffPolicy says what applying a document would do, and does not do it.
func (h *Handler) diffPolicy(r *http.Request) (any, error) {
	var req applyPolicyRequest
	if err := read(r, &req); err != nil {
		return nil, err
	}
	_, _, out, err := h.tryPolicy(req.Text)
	return out, err
}

// tryPolicy checks a document against what exists now, and says what it would change.
func (h *Handler) tryPolicy(text string) (*model.Snapshot, model.Policy, Applied, error) {
	sn, err := h.snapshot()
	if err == nil {
		err = CheckPolicySize(len(text))
	}
	if err != nil {
		return nil, model.Policy{}, Applied{}, err
	}
	p, compiled, err := h.cfg.Policies.Parse([]byte(text), sn.Tunnels)
	if err != nil {
		return nil, p, Applied{}, refused(err)
	}
	route := func(a netip.Addr) string { r, _ := sn.Lookup(a); return r.Tunnel }
	// What the policy in force names, and an earlier version let somebody delete, may be named again:
	// what is shown can be applied.
	if err := compiled.Check(route, h.cfg.Policy().Missing()...); err != nil {
		return nil, p, Applied{}, refused(err)
	}
	out := Applied{
		Grants: len(p.Grants), Groups: len(p.Groups), Tests: len(p.Tests), Missing: compiled.Missing(),
		Changes: policy.Compare(&sn.Policy, &p), Hints: strangers(sn, &p),
	}
	for _, route := range sn.Routes {
		if !reached(&p, route.Prefix, sn.Tunnels[route.Tunnel].Name) {
			out.Unreached = append(out.Unreached, route.Prefix)
		}
	}
	return sn, p, out, nil
}

// refused makes every fault of a document the asker's, hint or not.
func refused(err error) error {
	hint := "the policy in force stays as it was"
	if first := advice.Of(err); first != "" {
		hint = first + "; " + hint
	}
	return &advice.Error{Text: err.Error(), Advice: hint}
}
