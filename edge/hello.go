package edge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/relay"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// greet answers the node's hello: it is connected from now on.
func (n *nodeLink) greet(ctx context.Context, h *proto.Hello) error {
	hello := printable(h)
	if n.ready.Load() != nil {
		return n.greetAgain(&hello)
	}
	other := n.other(&hello)
	if h.Yield && other != nil {
		n.a.refuse(n.l, n.log, other.tellTaken())
		return nil
	}
	w, err := n.a.Gate.Welcome(n.id)
	if err != nil {
		n.a.refuse(n.l, n.log, err)
		return nil
	}
	n.mu.Lock()
	n.hello, n.clockAhead = hello, clockAhead(&hello)
	n.mu.Unlock()
	if other != nil {
		_ = other.l.Close(proto.CodeReplaced, n.tellTaken().Error())
	}
	at, err := n.attach()
	if err != nil {
		_ = n.l.Close(relay.ErrGone.Code, relay.ErrGone.Error())
		n.log.Warn("link refused", zap.Error(err))
		return nil
	}
	n.conf.want(&w.Config)
	n.ready.Store(at)
	n.a.nodes.add(n)
	w.Config, w.HelloAgain, w.Extensions = n.conf.first(), true, true
	w.Time = time.Now().UTC()
	if err := n.l.SendControl(&proto.Control{Welcome: &w}); err != nil {
		return fmt.Errorf("send welcome: %w", err)
	}
	n.named().Info("node connected", zap.String("hostname", hello.Hostname), zap.String("os", hello.OS), zap.String("version", hello.Version))
	n.seen(ctx)
	n.conf.welcomed()
	n.refresh()                 // what changed while it was greeted
	n.l.SendLatest(n.conf.next) // and what the welcome has not held
	return nil
}

// named is the log with who the node is for people: its user, or its tunnel.
func (n *nodeLink) named() *zap.Logger {
	newest, _ := n.conf.state()
	switch {
	case newest.User != "":
		return n.log.With(zap.String(obs.FieldUser, newest.User))
	case newest.Tunnel != "":
		return n.log.With(zap.String(obs.FieldTunnel, newest.Tunnel))
	}
	return n.log
}

// clockApart is from which difference on it is said that two clocks differ: what a hello takes on its
// way is much less.
const clockApart = 5 * time.Second

// clockAhead returns how far the clock of a node that says hello just now is ahead of this machine's; 0
// where the two do not differ by some seconds, or it does not say.
func clockAhead(h *proto.Hello) time.Duration {
	ahead := time.Until(h.Time)
	if h.Time.IsZero() || ahead.Abs() < clockApart {
		return 0
	}
	return ahead.Round(time.Second)
}

// greetAgain takes what has changed at a node since its first hello on this link.
func (n *nodeLink) greetAgain(h *proto.Hello) error {
	n.mu.Lock()
	same, news := h.Boot == n.hello.Boot, h.Facts != n.hello.Facts
	if same {
		n.hello.Facts = h.Facts
	}
	n.mu.Unlock()
	switch {
	case !same:
		return errors.New("a second hello, of another process")
	case news:
		n.named().Info("node has changed", zap.String("icmp", h.ICMP))
	}
	return nil
}

// other returns the connected node that has the identity of the one that says h and is
// another process: one that was started anew, or one with a copy of its state directory.
func (n *nodeLink) other(h *proto.Hello) *nodeLink {
	other := n.a.nodes.get(n.id)
	if other == nil || other.said().Boot == h.Boot {
		return nil // the node's own older link
	}
	return other
}

// said returns the node's hello.
func (n *nodeLink) said() proto.Hello {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hello
}

// tellTaken says to a node that n, which has its identity, is connected.
func (n *nodeLink) tellTaken() *link.RefusedError {
	from := n.l.Remote().String()
	if host := n.said().Hostname; host != "" {
		from += " (host " + host + ")"
	}
	return &link.RefusedError{
		Code: proto.CodeReplaced, Err: errors.New("another " + string(n.id.Role) + " with this identity is connected from " + from),
	}
}

func (n *nodeLink) attach() (*attached, error) {
	at, err := n.attachAs()
	if err == nil {
		n.a.links.welcome(n.l)
		n.l.Trust()
	}
	return at, err
}

func (n *nodeLink) attachAs() (*attached, error) {
	switch n.id.Role {
	case proto.RoleClient:
		c, err := n.a.Relay.AttachDevice(n.id.ID, relayLink{n.l})
		if err != nil {
			return nil, err
		}
		c.ReadsExtensions(n.hello.Extensions)
		return &attached{attachment: c, client: c}, nil
	case proto.RoleConnector:
		c, err := n.a.Relay.AttachConnector(n.id.ID, relayLink{n.l})
		if err != nil {
			return nil, err
		}
		return &attached{attachment: c}, nil
	}
	return nil, fmt.Errorf("attach link: a node of role %q", n.id.Role)
}

// printable makes what a node says of itself fit for lists and logs.
func printable(h *proto.Hello) proto.Hello {
	out := *h
	for _, s := range []*string{&out.Version, &out.Hostname, &out.OS, &out.Arch, &out.Boot, &out.ICMP} {
		*s = term.Printable(*s)
	}
	return out
}
