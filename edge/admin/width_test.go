package admin

import (
	"net/http"
	"testing"
)

// A prefix that would take every laptop off the Internet is added only where somebody says so.
func TestShortPrefixes(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/v1/tunnels", map[string]string{"name": "office"}, nil)
	for url, in := range map[string]any{"/v1/routes": addRouteRequest{Prefix: "::/0", Tunnel: "office"}, "/v1/capture": addCaptureRequest{Prefix: "::/0"}} {
		a.refused("POST", url, in, http.StatusBadRequest,
			"::/0 is all of IPv6: within a second every laptop sends what is for it to the edge, and loses what no grant allows, the Internet too",
			"where that is what you want, say --yes; else write a longer prefix")
	}
	if sn := a.store.Snapshot(); len(sn.Routes)+len(sn.Capture) != 0 {
		t.Errorf("refused, and there: %v, %v", sn.Routes, sn.Capture)
	}
	var r Route
	if code := a.do("POST", "/v1/routes", addRouteRequest{Prefix: "::/0", Tunnel: "office", Wide: true}, &r); code != http.StatusOK || r.Prefix.String() != "::/0" {
		t.Errorf("said so: %d, %+v", code, r)
	}
}
