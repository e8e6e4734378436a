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
	ca, now, clock := n.id.ca, n.cfg.Now, n.clock
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
			return verifyPeer(s.PeerCertificates, ca, now(), clock)
		},
	}, nil
}

// verifyPeer checks an edge's certificate on a link, where this machine's clock says now; clock is what
// is known of the edge's, for the words.
func verifyPeer(chain []*x509.Certificate, ca *x509.Certificate, now time.Time, clock edgeClock) error {
	if len(chain) == 0 {
		return errors.New("the edge showed no certificate")
	}
	edge := chain[0]
	if edge.CheckSignatureFrom(ca) != nil {
		return &advice.Error{
			Text:   "the edge at this address has another authority than the one this node enrolled with",
			Advice: "was the edge set up anew? Enrol with a new token from it; otherwise somebody else answers at this address",
		}
	}
	if err := verifyEdge(edge, ca); err != nil {
		return fmt.Errorf("the edge's certificate is not what it should be: %w", err)
	}
	if !now.Before(edge.NotBefore) && !now.After(edge.NotAfter) {
		return nil
	}
	where, hint := "here it is "+stamp(now), "compare the clocks of both machines (timedatectl)"
	if apart := clock.apart(now); apart != "" {
		where, hint = apart, adviceClocks
	}
	return &advice.Error{
		Text:   fmt.Sprintf("the edge's certificate lasts from %s to %s; %s", stamp(edge.NotBefore), stamp(edge.NotAfter), where),
		Advice: hint,
	}
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

// returnWith enrols a connector that was forgotten or revoked again with its tunnel's token.
func (n *Node) returnWith(ctx context.Context) error {
	tok, have, err := n.token(ctx)
	if err != nil {
		return err
	}
	if !have {
		return refused(proto.CodeRevoked, &advice.Error{
			Text:   "the edge does not know this connector any more and no token was given",
			Advice: "pass the tunnel's token: oneping tunnel token NAME prints it",
		})
	}
	if err := n.enrolAfresh(ctx, tok); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone = false
	return nil
}
