package edge

import (
	"net/http"
	"net/netip"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// handler is the local API: status and metrics of this process, and the admin API.
func (e *Edge) handler(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { local.WriteJSON(w, e.Status()) })
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("POST /v1/backup", e.serveBackup)
	mux.Handle("/v1/", admin.New(admin.Config{
		Store:     e.store,
		Authority: e.authority,
		Denials:   e.denials,
		Policies:  e.policies,
		Policy:    func() *policy.Compiled { return e.policy.Load() },
		Connected: e.presence,
		Capture:   func() []netip.Prefix { return e.capture(e.store.Snapshot()) },
		Silent:    e.cfg.Silent,
		Log:       e.cfg.Log.Named("admin"),
	}))
	return mux
}

// presence returns a node's link as lists show it.
func (e *Edge) presence(id proto.Identity) (admin.Presence, bool) {
	n := e.acceptor.nodes.get(id)
	if n == nil {
		return admin.Presence{}, false
	}
	st := n.status()
	return admin.Presence{Remote: st.Link.Remote, Since: st.Link.Since, Version: st.Version, ICMP: st.ICMP, Path: &st.Link, Configuration: st.Configuration}, true
}
