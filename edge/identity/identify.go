package identity

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// ServerTLS returns the TLS side of the edge's listener. A link must show a
// certificate, any certificate: TLS alerts carry no words, so Identify judges
// it after the handshake and the refusal says why. An enrolment connection shows none.
func (a *Authority) ServerTLS() *tls.Config {
	own := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.edgeCertificate() }
	links := &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: own,
		ClientAuth:     tls.RequireAnyClientCert,
		NextProtos:     []string{proto.ALPN},
		// A resumed handshake would skip nothing that Identify checks, but a ticket outlives a
		// revocation for no gain.
		SessionTicketsDisabled: true,
	}
	enrol := links.Clone()
	enrol.ClientAuth, enrol.NextProtos = tls.NoClientCert, []string{proto.EnrolALPN}
	outer := links.Clone()
	outer.NextProtos = []string{proto.ALPN, proto.EnrolALPN}
	outer.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, proto.EnrolALPN) && !slices.Contains(hello.SupportedProtos, proto.ALPN) {
			return enrol, nil
		}
		return links, nil
	}
	return outer
}

// Identify says whose link l is, or why it is not let in: a *link.RefusedError, which
// the caller passes to l.Close and logs.
func (a *Authority) Identify(l *link.Link) (proto.Identity, error) {
	if l.ALPN() != proto.ALPN {
		return proto.Identity{}, refuse(proto.CodeProtocol, "not a link: "+l.ALPN(), "")
	}
	return a.identify(l.Peer())
}

func (a *Authority) identify(chain []*x509.Certificate) (proto.Identity, error) {
	if len(chain) == 0 {
		return proto.Identity{}, refuse(proto.CodeRefused, "no certificate was shown", enrolAdvice(""))
	}
	cert := chain[0]
	id, err := a.verify(cert)
	if err != nil {
		return id, err
	}
	now := a.cfg.Now()
	switch {
	case now.After(cert.NotAfter):
		return id, refuse(proto.CodeExpired, fmt.Sprintf("the certificate expired at %s; here it is %s",
			cert.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)), renewalAdvice(id.Role))
	case now.Before(cert.NotBefore):
		// The code makes the node renew: it was signed by an edge whose clock was ahead.
		return id, refuse(proto.CodeExpired, fmt.Sprintf("the certificate begins at %s; here it is %s",
			cert.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)), adviceClock)
	}
	return id, a.permit(id, keyHash(cert.RawSubjectPublicKeyInfo))
}

// verify checks a certificate's signature and what it says, whatever the time:
// its dates are the caller's to judge.
func (a *Authority) verify(cert *x509.Certificate) (proto.Identity, error) {
	// Not x509's Verify: it judges the authority's dates as well, at the leaf's.
	if cert.CheckSignatureFrom(a.cert) != nil || !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return proto.Identity{}, refuse(proto.CodeRefused, "the certificate was not signed by this edge's authority", enrolAdvice(""))
	}
	if len(cert.URIs) != 1 {
		return proto.Identity{}, refuse(proto.CodeRefused, "the certificate carries no identity", enrolAdvice(""))
	}
	id, err := proto.ParseIdentity(cert.URIs[0])
	if err != nil {
		return proto.Identity{}, refuse(proto.CodeRefused, err.Error(), enrolAdvice(""))
	}
	return id, nil
}

// permit says whether an identified node with a key of that hash may have a
// link, by the newest state: nil, or a *link.RefusedError.
func (a *Authority) permit(id proto.Identity, hash []byte) error {
	sn := a.cfg.Store.Snapshot()
	if sn == nil {
		return refuse(proto.CodeDraining, "the edge is starting", "")
	}
	var stored []byte
	var known, revoked bool
	switch id.Role {
	case proto.RoleClient:
		d, ok := sn.Devices[id.ID]
		known, revoked, stored = ok, d.Revoked, d.KeyHash
	case proto.RoleConnector:
		if _, ok := sn.Tunnels[id.Tunnel]; !ok {
			return refuse(proto.CodeRevoked, "the tunnel was deleted", "create it again and enrol with its new token")
		}
		r, ok := sn.Connectors[id.ID]
		known, revoked, stored = ok && r.Tunnel == id.Tunnel, r.Revoked, r.KeyHash
	default:
		return refuse(proto.CodeRefused, "role "+string(id.Role)+" has no links to this edge", "")
	}
	switch {
	case revoked:
		return refuse(proto.CodeRevoked, string(id.Role)+" "+id.ID+" was revoked", returnAdvice(id.Role))
	case !known:
		return refuse(proto.CodeRevoked, string(id.Role)+" "+id.ID+" is not known here", enrolAdvice(id.Role))
	case !bytes.Equal(stored, hash):
		return refuse(proto.CodeRefused, string(id.Role)+" "+id.ID+" enrolled with another key", enrolAdvice(id.Role))
	}
	return nil
}
