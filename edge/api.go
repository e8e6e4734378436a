package edge

import (
	"net/http"

	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

// handler is the local API: status and metrics of this process, and the admin API.
func (e *Edge) handler() http.Handler {
	reg := obs.NewRegistry(string(proto.RoleEdge), e.cfg.Version)
	reg.MustRegister(obs.NewPackets(string(proto.RoleEdge), e.relay.Counters()))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { local.WriteJSON(w, e.Status()) })
	mux.Handle("GET /metrics", obs.Handler(reg))
	return mux
}
