package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// TLS returns the configuration of one dial attempt: this node's certificate,
// and the check of the edge's against the pinned authority and the fixed name. A
// certificate that has expired is renewed first, which may take a few seconds, or until ctx ends.
func (n *Node) TLS(ctx context.Context) (*tls.Config, error) {
	if err := n.prepare(ctx); err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.id.cert == nil {
		return nil, errors.New("dial edge: this node has not enrolled")
	}
	own := &tls.Certificate{Certificate: [][]byte{n.id.cert.Raw}, PrivateKey: n.key, Leaf: n.id.cert}
	ca, now := n.id.ca, n.cfg.Now
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: proto.EdgeName,
		Time:       now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return own, nil
		},
		// Verification is VerifyConnection's, which says in words what is wrong.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			return verifyPeer(s.PeerCertificates, ca, now())
		},
	}, nil
}

// verifyPeer checks an edge's certificate on a link.
func verifyPeer(chain []*x509.Certificate, ca *x509.Certificate, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("the edge showed no certificate")
	}
	err := verifyEdge(chain[0], ca, now)
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &advice.Error{
			Text: fmt.Sprintf("the edge's certificate lasts from %s to %s; here it is %s", chain[0].NotBefore.UTC().Format(time.RFC3339),
				chain[0].NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)),
			Advice: "compare the clocks of both machines (timedatectl)",
			Cause:  err,
		}
	case verifyEdge(chain[0], ca, chain[0].NotAfter) != nil:
		return &advice.Error{
			Text:   "the edge at this address has another authority than the one this node enrolled with",
			Advice: "was the edge set up anew? Enrol with a new token from it; otherwise somebody else answers at this address",
			Cause:  err,
		}
	}
	return fmt.Errorf("the edge's certificate is not what it should be: %w", err)
}

// prepare renews what has expired and enrols again what was forgotten, within one attempt's time.
func (n *Node) prepare(ctx context.Context) error {
	n.mu.Lock()
	gone := n.gone
	n.mu.Unlock()
	if !gone && !n.expired() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	n.work.Lock()
	defer n.work.Unlock()
	if gone {
		return n.returnWith(ctx)
	}
	return n.refresh(ctx)
}

// returnWith enrols a forgotten connector again with its tunnel's token.
func (n *Node) returnWith(ctx context.Context) error {
	tok, have, err := n.token()
	if err != nil {
		return err
	}
	if !have {
		return refused(proto.CodeRevoked, &advice.Error{
			Text:   "the edge does not know this connector any more and no token was given",
			Advice: "pass the tunnel's token: oneping tunnel token NAME prints it",
		})
	}
	if err := n.enrolWith(ctx, tok); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone = false
	return nil
}
