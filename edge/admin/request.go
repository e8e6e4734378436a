package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/oneping/oneping/internal/advice"
)

// The bodies of requests. Client writes them, the handlers read them.
type (
	createTunnelRequest struct {
		Name          string `json:"name"`
		MaxConnectors int    `json:"max_connectors,omitempty"` // 0 = the default
	}
	setTunnelRequest struct {
		MaxConnectors int `json:"max_connectors"`
	}
	tunnelTokenRequest struct {
		Rotate bool `json:"rotate"`          // make a new one
		Evict  bool `json:"evict,omitempty"` // and put out who enrolled with an earlier one
	}
	addRouteRequest struct {
		Prefix string `json:"prefix"`
		Tunnel string `json:"tunnel"` // name or id
	}
	addCaptureRequest struct {
		Prefix string `json:"prefix"`
	}
	deviceTokenRequest struct {
		User string `json:"user"`
		TTL  int    `json:"ttl_seconds"` // 0 = an hour
	}
	applyPolicyRequest struct {
		Text string `json:"text"` // YAML
	}
)

// done is the answer to a change that has nothing else to say.
type done struct{}

// read decodes the body of a request.
func read(r *http.Request, v any) error {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		return &advice.Error{Text: "read request: " + err.Error(), Advice: "is the command of another version than the edge?"}
	}
	return nil
}

func prefixOf(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, &advice.Error{Text: fmt.Sprintf("%q is not a prefix", s), Advice: "write it as 10.0.0.0/8, fd00::/64, or one address"}
	}
	return p, nil
}
