package admin

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

func (h *Handler) explain(r *http.Request) (any, error) {
	q := r.URL.Query()
	if id := q.Get("id"); id != "" {
		return h.explainDecision(id)
	}
	return h.explainNow(q.Get("src"), q.Get("dst"))
}

func (h *Handler) explainDecision(text string) (any, error) {
	id, err := proto.ParseDecisionID(text)
	if err != nil {
		return nil, &advice.Error{Text: err.Error(), Advice: "list a client's denials there: oneping client status --denials"}
	}
	e, err := h.cfg.Denials.Explain(id, h.cfg.Policy())
	if err != nil {
		return nil, err
	}
	return Explanation{Explanation: e}, nil
}

// explainNow says what the policy answers at this moment.
func (h *Handler) explainNow(src, dst string) (any, error) {
	sn, err := h.snapshot()
	if err != nil {
		return nil, err
	}
	target, err := policy.ParseTarget(dst)
	if err != nil {
		return nil, err
	}
	compiled := h.cfg.Policy()
	who, err := principal(sn, compiled, src)
	if err != nil {
		return nil, err
	}
	lookup := h.lookupAddr(sn, target.Dst)
	if route, ok := sn.Lookup(target.Dst); ok {
		target.Tunnel = route.Tunnel
	}
	return Explanation{Explanation: compiled.Explain(who, target), Route: lookup}, nil
}

// principal reads who asks: a device's address or id, else a user.
func principal(sn *model.Snapshot, c *policy.Compiled, src string) (policy.Principal, error) {
	_, notAddr := netip.ParseAddr(src)
	d, err := findDevice(sn, src)
	switch {
	case err == nil:
		return c.Principal(d.ID, d.User), nil
	case notAddr == nil:
		return policy.Principal{}, err // an address that is no device's
	case src == "":
		return policy.Principal{}, &advice.Error{Text: "explain: no source named", Advice: "oneping policy explain alice@example.com 172.16.10.120:22"}
	}
	user := strings.TrimPrefix(src, "user:")
	return c.Principal("", user), checkUser(sn, user)
}
