package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// Config is what a node needs to know of itself.
type Config struct {
	Role     proto.Role // client or connector
	StateDir string     // where key and certificate are kept; in memory when it is empty or not writable
	// TokenSource returns the token to enrol with, false when there is none: process.TokenFrom. nil = none.
	TokenSource func(context.Context) (proto.Token, bool, error)
	Version     string
	// Link is how enrolment connections are dialled; TLS and ALPN are set here.
	Link path.Config
	Now  func() time.Time // nil = time.Now
	Log  *zap.Logger
}

// Node is this machine as a client or connector. Its methods are safe for
// concurrent use.
type Node struct {
	cfg Config

	work sync.Mutex // one enrolment or renewal at a time

	mu        sync.Mutex
	loaded    bool
	unwritten []unwritten // what is to be written to the state directory, in order
	unkept    error       // why it could not be; nil: it was, or there is none
	key       *ecdsa.PrivateKey
	id        identity
	clock     edgeClock
	asked     time.Time // when the last Request was made
	stale     bool      // the edge said that the certificate is no good
	gone      bool      // the edge does not know this connector any more, or has revoked it
	trying    pending   // at enrolment, or at renewal of what has expired
}

// pending is an enrolment or renewal that goes on. The zero value: none.
type pending struct {
	edges  []string // host:port
	failed error    // why the last time did not succeed; nil: not yet known
}

// identity is what enrolment gave this node. The zero value: not enrolled.
type identity struct {
	token string            // id of the token it enrolled with
	named []string          // edges that the token names, host:port
	edges []string          // those that are dialled: learnt since, or the token's
	ca    *x509.Certificate // the authority, pinned
	cert  *x509.Certificate // this node's
}

// New returns a node that does nothing until Enrol.
func New(cfg Config) *Node {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	cfg.Log = obs.Limit(cfg.Log)
	return &Node{cfg: cfg}
}

func (n *Node) current() identity {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id
}

// Edges returns the addresses of edges, host:port, to be tried in order; before
// enrolment those that the token names, once it has been read.
func (n *Node) Edges() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.edges())
}

// edges is Edges where n.mu is held.
func (n *Node) edges() []string {
	if n.id.cert == nil {
		return n.trying.edges
	}
	return n.id.edges
}

// Identity returns who this node is, false before it has enrolled.
func (n *Node) Identity() (proto.Identity, bool) {
	cert := n.current().cert
	if cert == nil || len(cert.URIs) != 1 {
		return proto.Identity{}, false
	}
	id, err := proto.ParseIdentity(cert.URIs[0])
	return id, err == nil
}

// Status is a node's identity for `status`.
type Status struct {
	Identity string    `json:"identity,omitempty"` // oneping://ROLE/ID; empty before enrolment
	Expires  time.Time `json:"certificate_expires,omitzero"`
	// Renews is when the node asks for the next certificate, by itself.
	Renews   time.Time `json:"certificate_renews,omitzero"`
	Edges    []string  `json:"edges,omitempty"`
	InMemory bool      `json:"in_memory,omitempty"` // key and certificate end with the process
	// Unkept says why they cannot be written; "" where there is no state directory.
	Unkept     string `json:"unkept,omitempty"`
	UnkeptHint string `json:"unkept_hint,omitempty"`
	// ClockAhead is how far this machine's clock is ahead of the edge's, in seconds; 0 where the two
	// do not differ by some seconds, or nobody knows. Clocks says it for people.
	ClockAhead float64 `json:"clock_ahead_seconds,omitempty"`
	Clocks     string  `json:"clocks,omitempty"`
	// Enrolling says why this node has not enrolled yet, or not renewed an expired
	// certificate, while it goes on trying.
	Enrolling     string `json:"enrolling,omitempty"`
	EnrollingHint string `json:"enrolling_hint,omitempty"` // what to do about it
}

// Status returns a snapshot.
func (n *Node) Status() Status {
	var s Status
	if id, ok := n.Identity(); ok {
		s.Identity = id.String()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.id.cert != nil {
		s.Expires, s.Renews = n.id.cert.NotAfter, renewalOf(n.id.cert)
	}
	now := n.cfg.Now()
	if s.Clocks = n.clock.apart(now); s.Clocks != "" {
		ahead, _ := n.clock.ahead(now)
		s.ClockAhead = ahead.Round(time.Second).Seconds()
	}
	s.Edges, s.InMemory = slices.Clone(n.edges()), len(n.unwritten) > 0
	if n.unkept != nil {
		s.Unkept, s.UnkeptHint = n.unkept.Error(), advice.Of(n.unkept)
	}
	if err := n.trying.failed; err != nil {
		s.Enrolling, s.EnrollingHint = err.Error(), advice.Of(err)
	}
	return s
}

// CertificateText says for people who the node is, until when, and that nothing has to be done about
// that; "" before it has enrolled.
func (s *Status) CertificateText(now time.Time) string {
	if s.Expires.IsZero() {
		return ""
	}
	until := s.Identity + ", certificate until " + term.Minute(s.Expires)
	switch {
	case s.Renews.IsZero():
		return until
	case now.Before(s.Renews):
		return until + ", renews by itself about " + term.Minute(s.Renews)
	case now.Before(s.Expires):
		return until + ", is renewed by itself while the link is up"
	}
	return s.Identity + ", certificate expired " + term.Minute(s.Expires) + ", is renewed by itself when an edge answers"
}

// pin returns the SHA-256 of a certificate's public key.
func pin(c *x509.Certificate) [32]byte { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }
