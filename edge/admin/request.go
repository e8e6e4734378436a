package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/term"
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
	renameRequest struct {
		Name string `json:"name"`
	}
	addRouteRequest struct {
		Prefix string `json:"prefix"`
		Tunnel string `json:"tunnel"`         // name or id
		Wide   bool   `json:"wide,omitempty"` // it is meant, however short the prefix is
	}
	addCaptureRequest struct {
		Prefix string `json:"prefix"`
		Wide   bool   `json:"wide,omitempty"` // as above
	}
	deviceTokenRequest struct {
		User string `json:"user"`
		TTL  int    `json:"ttl_seconds"` // 0 = an hour
	}
	applyPolicyRequest struct {
		Text string `json:"text"`           // YAML
		Base string `json:"base,omitempty"` // of the text in whose place it is to come; "" = of any
	}
)

// done is the answer to a change that has nothing else to say.
type done struct{}

const (
	// MaxPolicyText bounds a policy as it is written, in bytes. What the store takes (state.MaxPolicy,
	// JSON) is written by `policy show` in less than four times as much.
	MaxPolicyText = 4 << 20
	// maxPolicyBody bounds the request that carries it: JSON writes a byte in six at most.
	maxPolicyBody = 6*MaxPolicyText + 1024
	// maxBody bounds every other request, in bytes.
	maxBody = 1 << 20
)

// errTooLarge is found (errors.Is) in the error about a request that is larger than its bound.
var errTooLarge = errors.New("request too large")

// CheckPolicySize refuses the text of a policy that is longer than the edge reads.
func CheckPolicySize(n int) error {
	if n <= MaxPolicyText {
		return nil
	}
	return &advice.Error{
		Text:   fmt.Sprintf("the policy is %s bytes, %s are allowed", term.Thousands(n), term.Thousands(MaxPolicyText)),
		Advice: advicePolicy, Cause: errTooLarge,
	}
}

// bound returns the largest body that a request may have, in bytes.
func bound(r *http.Request) int64 {
	if r.Method == http.MethodPut && r.URL.Path == "/v1/policy" || r.URL.Path == "/v1/policy/diff" {
		return maxPolicyBody
	}
	return maxBody
}

// read decodes the body of a request.
func read(r *http.Request, v any) error {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &advice.Error{
				Text:   fmt.Sprintf("the request is larger than %s bytes, which is what the edge reads", term.Thousands(int(large.Limit))),
				Advice: "send less in one request", Cause: errTooLarge,
			}
		}
		return &advice.Error{Text: "read request: " + err.Error(), Advice: "is the command of another version than the edge?"}
	}
	return nil
}

// meant reads a prefix that is to be routed or captured: a very short one only where wide says so.
func meant(s string, wide bool) (netip.Prefix, error) {
	p, err := prefixOf(s)
	if err == nil {
		err = model.CheckPrefix(p)
	}
	if err == nil && !wide {
		err = model.CheckWidth(p)
	}
	return p, err
}

// prefixOf reads a prefix, or one address.
func prefixOf(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" { // fd00::%eth0/64 reads as an address, with the zone "eth0/64"
			return netip.Prefix{}, &advice.Error{Text: fmt.Sprintf("%q has a zone, which means something on one host alone", s), Advice: "write it as fd00::/64"}
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, &advice.Error{Text: fmt.Sprintf("%q is not a prefix", s), Advice: "write it as 10.0.0.0/8, fd00::/64, or one address"}
	}
	return p, nil
}
