package node

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

const (
	// attemptTimeout bounds one enrolment connection.
	attemptTimeout = 15 * time.Second
	// maxAnswer bounds an enrolment answer, in bytes.
	maxAnswer = 64 << 10
)

// Enrol makes sure that this node has a certificate: it reads the stored one,
// enrols with the token when there is none or when the token is another one than
// before, and renews one that has expired. An edge that cannot be reached is
// asked again, with growing pauses, until ctx ends; a refusal is an *Error with
// the edge's own reason and hint.
func (n *Node) Enrol(ctx context.Context) error {
	if err := n.load(); err != nil {
		return err
	}
	n.work.Lock()
	defer n.work.Unlock()
	tok, have, err := n.token()
	id := n.current()
	switch {
	case id.cert == nil && err != nil:
		return err
	case id.cert == nil && !have:
		return &Error{
			Text:   "this " + string(n.cfg.Role) + " has not enrolled and no token was given",
			Advice: "pass --token-file F, or set " + TokenVariable + "; the edge prints one: oneping " + tokenCommand(n.cfg.Role),
		}
	case id.cert == nil:
		return n.enrolWith(ctx, tok)
	case err != nil:
		n.cfg.Log.Warn("token ignored: this node has enrolled already", zap.Error(err))
	case have && n.differs(tok, id):
		return n.enrolAnew(ctx, tok, id)
	case have && !slices.Equal(tok.Edges, id.edges):
		id.edges = tok.Edges // the same token, printed again after the edge moved
		if err := n.keep(id); err != nil {
			return err
		}
	}
	return n.refresh(ctx)
}

func tokenCommand(r proto.Role) string {
	if r == proto.RoleConnector {
		return "tunnel token NAME"
	}
	return "device token --user USER"
}

// token reads the token and checks that it is one for this role.
func (n *Node) token() (proto.Token, bool, error) {
	if n.cfg.TokenSource == nil {
		return proto.Token{}, false, nil
	}
	tok, ok, err := n.cfg.TokenSource()
	if err != nil || !ok {
		return proto.Token{}, false, err
	}
	want := proto.TokenDevice
	if n.cfg.Role == proto.RoleConnector {
		want = proto.TokenTunnel
	}
	if tok.Kind != want {
		return proto.Token{}, false, &Error{
			Text:   fmt.Sprintf("that is a %s token; a %s needs a %s token", tok.Kind, n.cfg.Role, want),
			Advice: "make one on the edge: oneping " + tokenCommand(n.cfg.Role),
		}
	}
	return tok, true, nil
}

// differs says whether tok is another token than the one this node enrolled with.
func (n *Node) differs(tok proto.Token, id identity) bool {
	p := pin(id.ca)
	return tok.ID != id.token || !bytes.Equal(tok.CA, p[:])
}

// enrolAnew follows a new token. Where the edge of before refuses it, the
// identity of before goes on: an old token file must not lock a node out.
func (n *Node) enrolAnew(ctx context.Context, tok proto.Token, id identity) error {
	err := n.enrolWith(ctx, tok)
	var refused *Error
	if p := pin(id.ca); !errors.As(err, &refused) || !refused.Refused() || !bytes.Equal(tok.CA, p[:]) {
		return err
	}
	n.cfg.Log.Warn("token ignored: the edge refused it, and this node has enrolled already",
		zap.String(obs.FieldReason, refused.Text), zap.String(obs.FieldToken, tok.ID))
	return n.refresh(ctx)
}

// refresh renews the certificate when it has expired. n.work is held.
func (n *Node) refresh(ctx context.Context) error {
	if !n.expired() {
		return nil
	}
	id := n.current()
	n.cfg.Log.Info("renewing an expired certificate", zap.Time("expired", id.cert.NotAfter))
	return n.retry(ctx, id.edges, func(ctx context.Context, addr string) error {
		return n.renewExpired(ctx, addr, id)
	})
}

func (n *Node) expired() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id.cert != nil && (n.stale || n.cfg.Now().After(n.id.cert.NotAfter))
}

func (n *Node) enrolWith(ctx context.Context, tok proto.Token) error {
	return n.retry(ctx, tok.Edges, func(ctx context.Context, addr string) error {
		return n.enrolAt(ctx, addr, tok)
	})
}

// retry calls attempt for each edge in turn until one succeeds or refuses, or ctx ends.
func (n *Node) retry(ctx context.Context, edges []string, attempt func(context.Context, string) error) error {
	pause := &backoff.ExponentialBackOff{InitialInterval: 200 * time.Millisecond, RandomizationFactor: 0.3, Multiplier: 2, MaxInterval: 5 * time.Second}
	pause.Reset()
	last := ""
	for i := 0; ; i++ {
		addr := edges[i%len(edges)]
		one, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := attempt(one, addr)
		cancel()
		var refused *Error
		if err == nil || errors.As(err, &refused) && refused.Refused() && refused.Code != proto.CodeTooMany {
			return err
		}
		if err.Error() != last && ctx.Err() == nil { // the same failure once
			last = err.Error()
			n.cfg.Log.Warn("cannot enrol yet", zap.String(obs.FieldRemote, addr), zap.Error(err))
		}
		t := time.NewTimer(pause.NextBackOff())
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("enrol: %w (last failure: %w)", context.Cause(ctx), err)
		case <-t.C:
		}
	}
}

// enrolAt enrols with a token at one edge.
func (n *Node) enrolAt(ctx context.Context, addr string, tok proto.Token) error {
	l, ca, err := n.dial(ctx, addr, [32]byte(tok.CA))
	if err != nil {
		return err
	}
	req := n.request()
	req.TokenID, req.Secret = tok.ID, tok.Secret
	ans, err := n.ask(ctx, l, req)
	if err != nil {
		return err
	}
	cert, err := n.accept(ans.Cert, ca)
	if err != nil {
		return err
	}
	n.cfg.Log.Info("enrolled", zap.Stringer(obs.FieldIdentity, cert.URIs[0]), zap.String(obs.FieldRemote, addr))
	return n.keep(identity{token: tok.ID, edges: tok.Edges, ca: ca, cert: cert})
}

// renewExpired renews at one edge with the expired certificate and a proof that the key is here.
func (n *Node) renewExpired(ctx context.Context, addr string, id identity) error {
	l, _, err := n.dial(ctx, addr, pin(id.ca))
	if err != nil {
		return err
	}
	req := n.request()
	req.Expired = id.cert.Raw
	if req.CSR, err = n.csr(); err != nil {
		return errors.Join(err, l.Close(proto.CodeInternal, ""))
	}
	state := l.TLS()
	binding, err := state.ExportKeyingMaterial(proto.RenewalLabel, nil, sha256.Size)
	if err != nil {
		return errors.Join(fmt.Errorf("bind renewal to the connection: %w", err), l.Close(proto.CodeInternal, ""))
	}
	if req.Proof, err = ecdsa.SignASN1(rand.Reader, n.key, proto.RenewalDigest(binding, req.CSR)); err != nil {
		return errors.Join(fmt.Errorf("sign renewal: %w", err), l.Close(proto.CodeInternal, ""))
	}
	ans, err := n.ask(ctx, l, req)
	if err != nil {
		return err
	}
	return n.install(ans.Cert)
}

// dial opens an enrolment connection and checks the authority's key against
// the pin before anything is said. The check comes after the handshake, so that
// the edge learns the reason in words as well.
func (n *Node) dial(ctx context.Context, addr string, want [32]byte) (*link.Link, *x509.Certificate, error) {
	cfg := n.cfg.Link
	cfg.ALPN = proto.EnrolALPN
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, ServerName: proto.EdgeName}
	if cfg.Log == nil {
		cfg.Log = n.cfg.Log
	}
	l, err := link.Dial(ctx, addr, cfg)
	if err != nil {
		return nil, nil, unreachable(addr, err)
	}
	ca, wrong := checkEdge(l.Peer(), want)
	if wrong != nil {
		_ = l.Close(proto.CodeRefused, wrong.Text)
		return nil, nil, wrong
	}
	return l, ca, nil
}

func unreachable(addr string, err error) error {
	return &Error{
		Text:   "reach edge " + addr + ": " + err.Error(),
		Advice: fmt.Sprintf("is the edge running, and does UDP port %d reach it through every firewall?", proto.Port),
		Cause:  err,
	}
}

// checkEdge checks the chain that an edge showed against the pinned key. The
// dates are not looked at: a machine whose clock is wrong must be able to
// enrol and be told so.
func checkEdge(chain []*x509.Certificate, want [32]byte) (*x509.Certificate, *Error) {
	if len(chain) != 2 || pin(chain[1]) != want {
		return nil, &Error{
			Code:   proto.CodeRefused,
			Text:   "the token is for another edge: the authority at this address has another key",
			Advice: "was the edge set up anew? Make a new token there; otherwise somebody else answers at this address",
		}
	}
	if err := verifyEdge(chain[0], chain[1], chain[0].NotAfter); err != nil {
		return nil, &Error{Code: proto.CodeRefused, Text: "the edge's certificate is not what it should be: " + err.Error(), Cause: err}
	}
	return chain[1], nil
}

func verifyEdge(leaf, ca *x509.Certificate, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, DNSName: proto.EdgeName, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

// request returns what every enrolment request says.
func (n *Node) request() *proto.EnrolRequest {
	hostname, _ := os.Hostname() // for people only
	return &proto.EnrolRequest{Hostname: hostname, OS: runtime.GOOS + "/" + runtime.GOARCH, Version: n.cfg.Version}
}

func (n *Node) csr() ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, n.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return der, nil
}

// ask sends one request, reads the answer and closes l.
func (n *Node) ask(ctx context.Context, l *link.Link, req *proto.EnrolRequest) (proto.EnrolAnswer, error) {
	defer func() { _ = l.Close(proto.CodeOK, "") }()
	if req.CSR == nil {
		csr, err := n.csr()
		if err != nil {
			return proto.EnrolAnswer{}, err
		}
		req.CSR = csr
	}
	ans, err := exchange(ctx, l, req)
	var closed *link.CloseError
	switch {
	case errors.As(err, &closed) && closed.Remote && closed.Code != proto.CodeOK && closed.Code != proto.CodeDraining:
		return ans, &Error{Code: closed.Code, Text: closed.Text, Cause: err}
	case err != nil:
		return ans, fmt.Errorf("enrol: %w", err)
	case ans.Code == proto.CodeInternal:
		return ans, errors.New("enrol: " + ans.Error)
	case ans.Error != "" || ans.Code != proto.CodeOK:
		return ans, &Error{Code: max(ans.Code, proto.CodeInternal), Text: "the edge refused: " + ans.Error, Advice: ans.Hint}
	}
	return ans, nil
}

func exchange(ctx context.Context, l *link.Link, req *proto.EnrolRequest) (ans proto.EnrolAnswer, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return ans, fmt.Errorf("encode request: %w", err)
	}
	s, err := l.OpenRaw(ctx)
	if err != nil {
		return ans, err
	}
	defer func() { _ = s.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = s.SetDeadline(deadline)
	}
	defer context.AfterFunc(ctx, func() { s.Reset(proto.CodeAborted) })()
	if _, err := s.Write(append(proto.AppendLength(nil, len(body)), body...)); err != nil {
		return ans, err
	}
	if body, err = proto.ReadFrame(s, nil, maxAnswer); err != nil {
		return ans, err
	}
	if err := json.Unmarshal(body, &ans); err != nil {
		return ans, fmt.Errorf("read answer: %w", err)
	}
	return ans, nil
}

// accept checks a certificate that the edge sent: ours, signed by the pinned
// authority, and valid by this machine's clock, which is only warned about.
func (n *Node) accept(der []byte, ca *x509.Certificate) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	if !n.key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("read certificate: it is for another key")
	}
	if err := cert.CheckSignatureFrom(ca); err != nil {
		return nil, fmt.Errorf("check certificate: %w", err)
	}
	who, err := identityOf(cert)
	if err != nil || who.Role != n.cfg.Role {
		return nil, fmt.Errorf("check certificate: it is for a %q, not for a %s", who.Role, n.cfg.Role)
	}
	if now := n.cfg.Now(); now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		n.cfg.Log.Warn("this machine's clock is far from the edge's", zap.Time("here", now),
			zap.Time("certificate_begins", cert.NotBefore), zap.String(obs.FieldHint, "set the clock (timedatectl set-ntp true)"))
	}
	return cert, nil
}

// install makes a renewed certificate the node's.
func (n *Node) install(der []byte) error {
	id := n.current()
	cert, err := n.accept(der, id.ca)
	if err != nil {
		return err
	}
	id.cert = cert
	n.cfg.Log.Info("certificate renewed", zap.Time("expires", cert.NotAfter))
	return n.keep(id)
}
