package node

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

const (
	// maxAnswer bounds an enrolment answer, in bytes.
	maxAnswer = 64 << 10
	// declineTimeout bounds how long a foreign edge is told why this node does not enrol there.
	declineTimeout = 3 * time.Second
)

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
	l, err := path.Dial(ctx, addr, cfg)
	if err != nil {
		return nil, nil, unreachable(addr, err)
	}
	ca, wrong := checkEdge(l.Peer(), want)
	if wrong != nil {
		decline(ctx, l, wrong)
		return nil, nil, wrong
	}
	return l, ca, nil
}

// refused makes a considered no of err: of the edge, or of this node about the edge.
func refused(code proto.Code, err error) *link.RefusedError {
	return &link.RefusedError{Code: code, Err: err}
}

// decline tells an edge why this node does not enrol there.
func decline(ctx context.Context, l *link.Link, why *link.RefusedError) {
	ctx, cancel := context.WithTimeout(ctx, declineTimeout)
	defer cancel()
	_, _ = exchange(ctx, l, &proto.EnrolRequest{Declined: why.Error()}) // a courtesy; whoever answers there may not know it
	_ = l.Close(why.Code, why.Error())
}

func unreachable(addr string, err error) error {
	hint := fmt.Sprintf("is the edge running, and does UDP port %d reach it through every firewall?", proto.Port)
	if _, name := errors.AsType[*net.DNSError](err); name {
		hint = advice.Of(err) // nobody has been asked yet
	}
	return &advice.Error{Text: "reach edge " + addr + ": " + err.Error(), Advice: hint, Cause: err}
}

// checkEdge checks the chain that an edge showed against the pinned key. The
// dates are not looked at: a machine whose clock is wrong must be able to
// enrol and be told so.
func checkEdge(chain []*x509.Certificate, want [32]byte) (*x509.Certificate, *link.RefusedError) {
	if len(chain) != 2 || pin(chain[1]) != want {
		return nil, refused(proto.CodeRefused, &advice.Error{
			Text:   "the token is for another edge: the authority at this address has another key",
			Advice: "was the edge set up anew? Make a new token there; otherwise somebody else answers at this address",
		})
	}
	if err := verifyEdge(chain[0], chain[1]); err != nil {
		return nil, refused(proto.CodeRefused, fmt.Errorf("the edge's certificate is not what it should be: %w", err))
	}
	return chain[1], nil
}

// verifyEdge checks that a certificate is an edge's, of that authority. Its dates are the caller's to
// judge; the authority's are nobody's: its key is pinned, and it may have been made by a machine whose
// clock was wrong. x509's Verify judges both.
func verifyEdge(leaf, ca *x509.Certificate) error {
	if err := leaf.CheckSignatureFrom(ca); err != nil {
		return err
	}
	if len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return errors.New("it is not for a server")
	}
	err := leaf.VerifyHostname(proto.EdgeName)
	if name, ok := errors.AsType[x509.HostnameError](err); ok { // it has the names of a certificate that may be anybody's
		return errors.New(term.Printable(name.Error()))
	}
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
	n.heard(ans.Time)
	var closed *link.CloseError
	switch {
	case errors.As(err, &closed) && closed.Remote && closed.Code != proto.CodeOK && closed.Code != proto.CodeDraining:
		return ans, refused(closed.Code, &advice.Error{Text: closed.Text, Cause: err})
	case err != nil:
		return ans, fmt.Errorf("enrol: %w", err)
	case ans.Code == proto.CodeInternal:
		return ans, errors.New("enrol: " + ans.Error)
	case ans.Error != "" || ans.Code != proto.CodeOK:
		return ans, refused(max(ans.Code, proto.CodeInternal), &advice.Error{Text: "the edge refused: " + ans.Error, Advice: ans.Hint})
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
	ans.Error, ans.Hint = term.Printable(ans.Error), term.Printable(ans.Hint)
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
		text := n.Status().Clocks
		if text == "" {
			text = "this machine's clock is far from the edge's"
		}
		n.cfg.Log.Warn(text, zap.Time("here", now), zap.Time("certificate_begins", cert.NotBefore), zap.String(obs.FieldHint, adviceClocks))
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
