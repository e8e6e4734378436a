package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/oneping/oneping/proto"
)

// authorityDates are those of every authority. Nodes pin its key, so that dates would protect nobody;
// ones that follow from a clock would lock everybody out where that was wrong at the first start. The
// end is the one of a certificate without an end (RFC 5280 §4.1.2.5).
func authorityDates() (begin, end time.Time) {
	return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
}

// selfSign makes the authority's certificate, PEM.
func (a *Authority) selfSign() ([]byte, error) {
	begin, end := authorityDates()
	tmpl := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "oneping authority"},
		NotBefore:             begin,
		NotAfter:              end,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign authority certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[0] &= 0x7f // positive (RFC 5280 §4.1.2.2)
	b[15] |= 1   // and not zero
	return new(big.Int).SetBytes(b[:])
}

// sign makes the certificate of a node, DER.
func (a *Authority) sign(id proto.Identity, key any) ([]byte, error) {
	now := a.cfg.Now()
	tmpl := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: string(id.Role) + " " + id.ID},
		NotBefore:    now.Add(-Backdate),
		NotAfter:     now.Add(CertificateLife),
		URIs:         []*url.URL{id.URI()},
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if id.Role == proto.RoleEdge {
		tmpl.DNSNames = []string{proto.EdgeName}
		tmpl.ExtKeyUsage = append(tmpl.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate of %s: %w", id, err)
	}
	return der, nil
}

// edgeCertificate returns this edge's own certificate. It is asked for at each handshake, and made anew
// at half of its life, and where it has not begun: the clock was ahead when it was made.
func (a *Authority) edgeCertificate() (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.cfg.Now(); a.edge != nil && now.Before(a.edge.Leaf.NotAfter.Add(-CertificateLife/2)) && now.After(a.edge.Leaf.NotBefore) {
		return a.edge, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make edge key: %w", err)
	}
	der, err := a.sign(proto.Identity{Role: proto.RoleEdge, ID: a.id}, &key.PublicKey)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse edge certificate: %w", err)
	}
	// The authority's certificate goes along: an enrolling node knows only the hash of its key.
	a.edge = &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	return a.edge, nil
}

// request is a certificate request that has been checked.
type request struct {
	key  *ecdsa.PublicKey
	hash []byte // SHA-256 of its SubjectPublicKeyInfo
}

// parseRequest reads a PKCS #10 request; its signature proves that the node has the key.
func parseRequest(der []byte) (request, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return request{}, fmt.Errorf("parse certificate request: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return request{}, fmt.Errorf("check certificate request: %w", err)
	}
	key, ok := csr.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return request{}, errors.New("check certificate request: its key is not ECDSA P-256")
	}
	return request{key: key, hash: keyHash(csr.RawSubjectPublicKeyInfo)}, nil
}

func keyHash(spki []byte) []byte {
	h := sha256.Sum256(spki)
	return h[:]
}
