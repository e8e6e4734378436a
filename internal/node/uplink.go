package node

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// Handler is a role's own part of its link: client and connector implement it. The
// methods of one link are called one at a time, those of two links never at once.
type Handler interface {
	// Rooms returns who takes the datagrams and flows of a link. Its Control stays
	// empty: control messages come to Welcome and Control.
	Rooms() link.Handler
	// Facts returns what only the role knows of itself. It is also called while a
	// link is up, by another goroutine.
	Facts() proto.Facts
	// Welcome opens l for packets.
	Welcome(l *link.Link, w *proto.Welcome) error
	// Control takes a message that is not the node's. An error closes l.
	Control(l *link.Link, m *proto.Control) error
	// Down takes l, welcomed or not, out of the path of packets: it has ended.
	Down(l *link.Link)
}

// Uplink is the node half of a link, for every role: it enrols, dials and redials,
// says hello, renews the certificate, follows the edge's wish to move, and knows
// whether there is contact and why not. What a link is for is its Handler's.
type Uplink struct {
	node    *Node
	dial    path.Config
	started time.Time
	boot    string
	contact *Contact
	linked  chan struct{} // closed by Linked
	once    sync.Once

	// yield says that another machine with this identity took over from the last link:
	// this one then asks to be let in only where nobody else is.
	yield atomic.Bool
}

// NewUplink returns the uplink of n, whose links are dialled with dial; nothing is
// done before Run.
func NewUplink(n *Node, dial path.Config) *Uplink {
	now := time.Now()
	return &Uplink{
		node: n, dial: dial, started: now, boot: proto.NewID(), contact: NewContact(n.cfg.Log, now), linked: make(chan struct{}),
	}
}

// Run enrols where that is due and keeps one link to an edge until ctx ends. A
// refusal of enrolment ends it, too; it never returns nil.
func (u *Uplink) Run(ctx context.Context, h Handler) error {
	if err := u.node.Enrol(ctx); err != nil {
		return err
	}
	at := "" // what is dialled
	r := path.Redial{Addrs: u.node.Edges, Config: u.dial, TLS: u.node.TLS, OnAttempt: func(addr string, err error) {
		at = addr
		u.contact.Attempted(addr, err)
	}}
	return r.Run(ctx, func(ctx context.Context, l *link.Link) error {
		err := u.node.advised((&uplinked{Uplink: u, h: h, l: l, at: at}).run(ctx))
		u.node.LinkEnded(err)
		if tookOver(err) {
			u.yield.Store(true) // until it is let in again
		}
		h.Down(l)
		u.contact.Lost(l.Remote().String(), err)
		return err
	})
}

// advised tells a node that was put out which command of the edge lets one of its role in again.
func (n *Node) advised(err error) error {
	closed, ok := errors.AsType[*link.CloseError](err)
	if !ok || !closed.Remote || closed.Code != proto.CodeRevoked {
		return err
	}
	return advice.With(err, "to let it in again, make a token on the edge ("+process.NewTokenCommand(n.cfg.Role)+") and start it with --token-file")
}

// tookOver says whether a link ended because another one of its identity took over.
func tookOver(err error) bool {
	closed, ok := errors.AsType[*link.CloseError](err)
	return ok && closed.Remote && closed.Code == proto.CodeReplaced
}

// Linked tells the supervisor, and who waits for Ready, of the first link; a role
// calls it when packets can cross.
func (u *Uplink) Linked() {
	u.once.Do(func() {
		close(u.linked)
		if err := process.NotifyLinked(); err != nil {
			u.node.cfg.Log.Warn("cannot tell the supervisor", zap.Error(err), obs.Hint(err))
		}
	})
}

// Ready is closed by the first Linked.
func (u *Uplink) Ready() <-chan struct{} { return u.linked }

// Started returns when this process began.
func (u *Uplink) Started() time.Time { return term.Moment(u.started) }

// Last returns since when there is contact with an edge or none, and why there is
// none: also why this node has not enrolled yet.
func (u *Uplink) Last() Last {
	last := u.contact.Last()
	if s := u.node.Status(); last.Error == "" && s.Enrolling != "" {
		last.Error, last.Hint = s.Enrolling, s.EnrollingHint
		if s.Identity == "" {
			last.Error = "not enrolled yet: " + last.Error
		}
	}
	return last
}

// hello returns what this node says of itself.
func (u *Uplink) hello(f proto.Facts) *proto.Hello {
	hostname, _ := os.Hostname() // for people only
	return &proto.Hello{
		Version: u.node.cfg.Version, Hostname: hostname, OS: runtime.GOOS, Arch: runtime.GOARCH,
		Started: u.Started(), Time: time.Now().UTC(), Boot: u.boot, Yield: u.yield.Load(), Extensions: true, Facts: f,
	}
}
