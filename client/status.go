package client

import (
	"cmp"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

// Status is what GET /v1/status on the local socket answers.
type Status struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Up      bool      `json:"up"`
	Since   time.Time `json:"since"` // up or down
	// LastError says why the link is down, or why the last attempt failed.
	LastError string   `json:"last_error,omitempty"`
	LastHint  string   `json:"last_error_hint,omitempty"` // what to do about it
	Edges     []string `json:"edges"`                     // configured
	Edge      string   `json:"edge,omitempty"`
	// Link is nil while the link is down.
	Link     *link.Info     `json:"link,omitempty"`
	InnerMTU int            `json:"inner_mtu,omitempty"` // largest IPv4 packet that crosses whole; 0 = not settled
	User     string         `json:"user,omitempty"`
	Device   string         `json:"device,omitempty"`
	TUN      string         `json:"tun,omitempty"`
	MTU      int            `json:"mtu"`
	Addrs    []netip.Addr   `json:"addrs"`
	Hops     []netip.Addr   `json:"hops"`
	Capture  []netip.Prefix `json:"capture"`
	// Capturing says that the host sends what Capture wants into the device, and nowhere else.
	Capturing bool `json:"capturing"`
	// CaptureError says why it does not; it is the first of Warnings, too.
	CaptureError string `json:"capture_error,omitempty"`
	CaptureHint  string `json:"capture_error_hint,omitempty"`
	// Configuration is how far the host is with what the edge wants; nil while the link is down.
	Configuration *proto.Progress `json:"configuration,omitempty"`

	Sessions int               `json:"udp_sessions"`
	Identity *node.Status      `json:"identity,omitempty"`
	Held     int               `json:"tcp_opening"`
	Flows    int               `json:"tcp_flows"`
	Memory   flow.Usage        `json:"tcp_memory"` // what the flows hold
	Reasons  map[string]uint64 `json:"reasons"`
	Denied   int               `json:"denied"` // by the edge's policy: see Denials
	Warnings []osroute.Warning `json:"warnings,omitempty"`
	// LogLost is how many lines of the log nobody took.
	LogLost uint64 `json:"log_lines_lost,omitempty"`
}

// Denials is what GET /v1/denials answers, the newest first.
type Denials struct {
	Denials []proto.Denial `json:"denials"`
}

// Status returns a snapshot.
func (c *Client) Status() Status {
	l, p := c.path.Link(), c.path.Status()
	c.mu.Lock()
	n := c.net
	c.mu.Unlock()
	last, id := c.uplink.Last(), c.cfg.Node.Status()
	capturing, fault := c.routing.capturing()
	s := Status{
		Version: c.cfg.Version, Started: c.uplink.Started(), Up: l != nil, Since: last.Since, LastError: last.Error, LastHint: last.Hint,
		Edges: id.Edges, Identity: &id, Edge: n.Edge, User: n.User, Device: n.Device, TUN: c.routing.device(), MTU: c.cfg.MTU,
		Addrs: n.Addrs, Hops: n.Hops, Capture: n.Capture, Capturing: capturing,
		Sessions: p.Sessions, Held: p.Held, Flows: p.Flows, Reasons: p.Reasons, Denied: p.Denied,
		Warnings: c.routing.warnings(), Memory: c.budget.Usage(time.Now()), LogLost: obs.Lost(c.log),
	}
	if fault != nil {
		s.CaptureError, s.CaptureHint = fault.Error(), advice.Of(fault)
		s.Warnings = slices.Insert(s.Warnings, 0, osroute.Warning{Text: s.CaptureError, Hint: s.CaptureHint})
	}
	if w, ok := strangerWarning(p.Strangers, n.Addrs, s.TUN, time.Now()); ok {
		s.Warnings = append(s.Warnings, w)
	}
	if l != nil {
		info := l.Info()
		s.Link, s.InnerMTU, s.Configuration = &info, p.InnerMTU, c.conf.progress()
	}
	return s
}

// Ready returns nil when packets cross: the edge has welcomed this device and the host captures
// what it wants, all of it. Else it is an error that says what is missing.
func (s *Status) Ready() error {
	switch {
	case !s.Up:
		return local.NotReady("the client has no link to an edge", s.LastError, cmp.Or(s.LastHint, "oneping client status"))
	case !s.Capturing:
		return local.NotReady("the client cannot capture what the edge wants", s.CaptureError, cmp.Or(s.CaptureHint, "the client's log says why"))
	case s.Configuration.Behind():
		return local.NotReady("the client has "+s.Configuration.String(), "", "what is newer is not captured yet: repeat in a moment; the client's log says why it stays so")
	}
	return nil
}

// api is the local socket's handler.
func (c *Client) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { local.WriteJSON(w, c.Status()) })
	mux.HandleFunc("GET /v1/denials", func(w http.ResponseWriter, _ *http.Request) {
		local.WriteJSON(w, Denials{Denials: c.path.Denials()})
	})
	return mux
}
