package node

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

const (
	// renewalCheck is how often Renewal looks at the clock: a laptop that slept notices soon.
	renewalCheck = time.Minute
	// askEvery is how long an unanswered request is waited for.
	askEvery = 5 * time.Minute
)

// Request returns the message that asks for a new certificate when half of the
// present one's life is over, by the edge's clock where that is known, nil otherwise and for five
// minutes after the last one.
func (n *Node) Request(now time.Time) (*proto.Renew, error) {
	n.mu.Lock()
	cert, half := n.id.cert, time.Time{}
	if cert != nil {
		half = renewalOf(cert)
	}
	if cert == nil || n.clock.now(now).Before(half) || now.Sub(n.asked).Abs() < askEvery {
		n.mu.Unlock()
		return nil, nil
	}
	n.asked = now
	n.mu.Unlock()
	csr, err := n.csr()
	if err != nil {
		return nil, err
	}
	return &proto.Renew{CSR: csr}, nil
}

// renewalOf returns when half of a certificate's life is over.
func renewalOf(cert *x509.Certificate) time.Time {
	return cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore) / 2)
}

// Renewed takes the edge's answer to Request.
func (n *Node) Renewed(r proto.Renewed) error {
	if r.Error != "" {
		return refused(proto.CodeRefused, errors.New("renew certificate: the edge refused: "+r.Error))
	}
	if err := n.load(); err != nil {
		return err
	}
	if n.current().ca == nil {
		return errors.New("renew certificate: this node has not enrolled")
	}
	return n.install(r.Cert)
}

// Renewal asks for a new certificate over a live link whenever one is due, and writes what could not
// be written, until ctx ends. The answer goes to Renewed. It never returns nil.
func (n *Node) Renewal(ctx context.Context, send func(*proto.Control) error) error {
	tick := time.NewTicker(renewalCheck)
	defer tick.Stop()
	for {
		req, err := n.Request(n.cfg.Now())
		if err == nil && req != nil {
			err = send(&proto.Control{Renew: req})
		}
		if err != nil {
			n.cfg.Log.Warn("cannot ask for a new certificate", zap.Error(err))
		}
		n.mu.Lock()
		if len(n.unwritten) > 0 {
			n.writeLater()
		}
		n.mu.Unlock()
		select {
		case <-ctx.Done():
			return fmt.Errorf("renewal: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// LinkEnded is told why a link ended. Where the edge found the certificate
// expired (the clocks differ) or no longer knows a connector, the next TLS
// renews or enrols again before it dials.
func (n *Node) LinkEnded(err error) {
	var closed *link.CloseError
	if !errors.As(err, &closed) || !closed.Remote {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.id.cert == nil:
	case closed.Code == proto.CodeExpired:
		n.stale = true
	case closed.Code == proto.CodeRevoked && n.cfg.Role == proto.RoleConnector && n.cfg.TokenSource != nil:
		// A connector that was away for long is forgotten; its tunnel's token lets it in again,
		// unless it was rotated. One that was revoked gets in again with a newer token alone.
		n.gone = true
	}
}
