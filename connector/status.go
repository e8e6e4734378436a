package connector

import (
	"cmp"
	"net/http"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
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
	Link   *link.Info `json:"link,omitempty"`
	Tunnel string     `json:"tunnel,omitempty"`
	ID     string     `json:"connector,omitempty"` // this one's
	// Identity is who this connector is, and why it has not enrolled yet.
	Identity *node.Status `json:"identity,omitempty"`

	Hops     Hops   `json:"hops"`               // "true", "single"
	ICMP     string `json:"icmp"`               // "ping", "raw", "off: REASON"
	ICMPHint string `json:"icmp_fix,omitempty"` // the command that opens it

	Mappings int `json:"icmp_mappings"`
	Sessions int `json:"udp_sessions"`
	Flows    int `json:"tcp_flows"`
	// Memory is what the TCP flows hold.
	Memory flow.Usage `json:"tcp_memory"`
	// Unkept is what was asked for that a connector without privileges cannot keep.
	Unkept Unkept `json:"unkept,omitzero"`
	// Unanswered is how many neighbours are asked now that have never answered.
	Unanswered int               `json:"unanswered_neighbours"`
	Reasons    map[string]uint64 `json:"reasons"`
	// LogLost is how many lines of the log nobody took.
	LogLost uint64 `json:"log_lines_lost,omitempty"`
}

// Status returns a snapshot. Only while Run runs.
func (c *Connector) Status() Status {
	c.mu.Lock()
	l, edge, conf := c.welcomed, c.edge, c.conf
	c.mu.Unlock()
	last, id := c.uplink.Last(), c.cfg.Node.Status()
	s := Status{
		Version: c.cfg.Version, Started: c.uplink.Started(), Up: l != nil, Since: last.Since, LastError: last.Error, LastHint: last.Hint,
		Edges: id.Edges, Identity: &id, Edge: edge, Tunnel: conf.Tunnel, ID: conf.Device,
		Hops: c.cfg.Hops, ICMP: c.dispatch.icmp.mode(), Sessions: c.dispatch.udp.Len(), Flows: c.dispatch.tcp.Flows(), Reasons: c.counters.Snapshot(),
		Unanswered: c.host.Unanswered(), Unkept: c.dispatch.unkept.status(), Memory: c.budget.Usage(time.Now()), LogLost: obs.Lost(c.log),
	}
	if nat := c.dispatch.icmp.nat.Load(); nat != nil {
		s.Mappings = nat.Mappings()
	}
	s.ICMPHint = advice.Of(c.dispatch.icmp.off())
	if l != nil {
		info := l.Info()
		s.Link = &info
	}
	return s
}

// Ready returns nil when an edge has welcomed this connector, else an error that says what is
// missing.
func (s *Status) Ready() error {
	if !s.Up {
		return local.NotReady("the connector has no link to an edge", s.LastError, cmp.Or(s.LastHint, "oneping connector status"))
	}
	return nil
}

// api is the local socket's handler.
func (c *Connector) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { local.WriteJSON(w, c.Status()) })
	return mux
}
