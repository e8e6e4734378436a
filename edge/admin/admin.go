// Package admin is the edge's admin API: HTTP with JSON bodies below /v1/ on
// the local socket. Client speaks it; the types in view.go are what it answers. Tables and
// guides for a terminal belong to the command line; an error carries its hint, as all do.
//
//	GET    /v1/tunnels                     POST {name, max_connectors}
//	GET    /v1/tunnels/NAME                DELETE
//	PATCH  /v1/tunnels/NAME {max_connectors}                         POST /v1/tunnels/NAME/rename {name}
//	POST   /v1/tunnels/NAME/token {rotate, evict}
//	GET    /v1/connectors?tunnel=          POST /v1/connectors/ID/revoke
//	GET    /v1/routes                      POST {prefix, tunnel}     DELETE ?prefix=
//	GET    /v1/routes/lookup?addr=
//	GET    /v1/capture                     POST {prefix}             DELETE ?prefix=
//	GET    /v1/devices                     GET /v1/devices/ID        POST /v1/devices/ID/revoke
//	PATCH  /v1/devices/ID {name}           DELETE
//	POST   /v1/users/USER/revoke
//	GET    /v1/tokens?all=                 POST {user, ttl_seconds}  POST /v1/tokens/ID/cancel
//	GET    /v1/policy                      PUT {text, base}          POST /v1/policy/diff {text}
//	GET    /v1/denials?user=&since=
//	GET    /v1/explain?id=                 GET ?src=&dst=
//	GET    /v1/audit?n=
package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// Config is what the API speaks for.
type Config struct {
	Store     *state.Store
	Authority *identity.Authority
	Denials   *policy.Log
	Policies  *policy.Compiler                      // compiles what is applied; nil = a new one
	Policy    func() *policy.Compiled               // in force now
	Connected func(proto.Identity) (Presence, bool) // whether a node has a link now
	// Capture returns what clients take off their hosts; nil = the stored list.
	Capture func() []netip.Prefix
	Silent  bool // what is refused is dropped
	Log     *zap.Logger
}

// Presence is a node's link, as lists show it.
type Presence struct {
	Remote  netip.AddrPort `json:"remote"`
	Since   time.Time      `json:"since"`
	Version string         `json:"version,omitempty"`
	ICMP    string         `json:"icmp,omitempty"` // a connector's way to send ICMP
	// Path is how the link itself is: its round trip, path MTU, loss.
	Path *link.Info `json:"path,omitempty"`
	// Configuration is how far a device is with what it is to capture; nil for a connector.
	Configuration *proto.Progress `json:"configuration,omitempty"`
}

// Handler serves the API. It is ready when the store is.
type Handler struct {
	cfg      Config
	mux      *http.ServeMux
	applying sync.Mutex // held while a policy is compared with the one in force and put in its place, or follows a tunnel's new name, and while a tunnel is deleted
}

// New returns the API's handler.
func New(cfg Config) *Handler {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Policies == nil {
		cfg.Policies = new(policy.Compiler)
	}
	h := &Handler{cfg: cfg, mux: http.NewServeMux()}
	h.routes()
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, bound(r))
	h.mux.ServeHTTP(w, r)
}

func (h *Handler) routes() {
	for pattern, f := range map[string]func(*http.Request) (any, error){
		"GET /v1/tunnels":                 h.listTunnels,
		"POST /v1/tunnels":                h.createTunnel,
		"GET /v1/tunnels/{name}":          h.showTunnel,
		"DELETE /v1/tunnels/{name}":       h.deleteTunnel,
		"PATCH /v1/tunnels/{name}":        h.setTunnel,
		"POST /v1/tunnels/{name}/rename":  h.renameTunnel,
		"POST /v1/tunnels/{name}/token":   h.tunnelToken,
		"GET /v1/connectors":              h.listConnectors,
		"POST /v1/connectors/{id}/revoke": h.revokeConnector,
		"GET /v1/routes":                  h.listRoutes,
		"POST /v1/routes":                 h.addRoute,
		"DELETE /v1/routes":               h.deleteRoute,
		"GET /v1/routes/lookup":           h.lookup,
		"GET /v1/capture":                 h.listCapture,
		"POST /v1/capture":                h.addCapture,
		"DELETE /v1/capture":              h.removeCapture,
		"GET /v1/devices":                 h.listDevices,
		"GET /v1/devices/{id}":            h.showDevice,
		"POST /v1/devices/{id}/revoke":    h.revokeDevice,
		"DELETE /v1/devices/{id}":         h.deleteDevice,
		"PATCH /v1/devices/{id}":          h.renameDevice,
		"POST /v1/users/{user}/revoke":    h.revokeUser,
		"GET /v1/tokens":                  h.listTokens,
		"POST /v1/tokens":                 h.deviceToken,
		"POST /v1/tokens/{id}/cancel":     h.cancelToken,
		"GET /v1/policy":                  h.showPolicy,
		"PUT /v1/policy":                  h.applyPolicy,
		"POST /v1/policy/diff":            h.diffPolicy,
		"GET /v1/denials":                 h.listDenials,
		"GET /v1/explain":                 h.explain,
		"GET /v1/audit":                   h.audit,
	} {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := f(r)
			if err != nil {
				err = advise(err)
				local.WriteError(w, statusOf(err), err)
				return
			}
			local.WriteJSON(w, v)
		})
	}
}

func statusOf(err error) int {
	_, hinted := errors.AsType[*advice.Error](err)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errPolicyMoved):
		return http.StatusConflict
	case errors.Is(err, state.ErrUnwritable):
		return http.StatusInsufficientStorage
	case errors.Is(err, state.ErrNotReady):
		return http.StatusServiceUnavailable
	case hinted:
		return http.StatusBadRequest // whoever wrote a hint wrote it for the asker
	}
	return http.StatusInternalServerError
}

// CheckPrefix says of a prefix that a person wrote why it cannot be a route, without asking an
// edge; nil: it can.
func CheckPrefix(s string) error {
	p, err := prefixOf(s)
	if err != nil {
		return err
	}
	return model.CheckPrefix(p)
}

// CheckWidth says of a prefix that a person wrote why it is refused but where somebody says that it
// is meant; nil: it is not.
func CheckWidth(s string) error {
	_, err := meant(s, false)
	return err
}

// record writes an audit event: what has been done stays done when that fails.
func (h *Handler) record(r *http.Request, action, object, detail string) {
	actor := "unknown"
	if p, ok := local.PeerOf(r); ok {
		actor = "uid " + strconv.Itoa(p.UID)
	}
	e := state.AuditEvent{Actor: actor, Action: action, Object: object, Detail: detail}
	if err := h.cfg.Store.Audit(r.Context(), e); err != nil {
		h.cfg.Log.Error("audit event lost", zap.String("action", action), zap.String("object", object), zap.Error(err))
	}
	h.cfg.Log.Info(action, zap.String("actor", actor), zap.String("object", object), zap.String("detail", detail))
}

func (h *Handler) snapshot() (*model.Snapshot, error) {
	sn := h.cfg.Store.Snapshot()
	if sn == nil {
		return nil, state.ErrNotReady
	}
	return sn, nil
}

func (h *Handler) presence(id proto.Identity) *Presence {
	if h.cfg.Connected == nil {
		return nil
	}
	p, ok := h.cfg.Connected(id)
	if !ok {
		return nil
	}
	return &p
}

// maxAudit bounds how many audit events one request is answered with.
const maxAudit = 10_000

func (h *Handler) audit(r *http.Request) (any, error) {
	n, word := 100, r.URL.Query().Get("n")
	if word != "" {
		var err error
		if n, err = strconv.Atoi(word); err != nil || n < 1 || n > maxAudit {
			return nil, &advice.Error{Text: fmt.Sprintf("%q is not a number of events", word), Advice: fmt.Sprintf("ask for 1 to %d", maxAudit)}
		}
	}
	return h.cfg.Store.AuditLog(r.Context(), n)
}
