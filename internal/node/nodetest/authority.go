// Package nodetest makes nodes that have enrolled, for tests that play the edge: an
// authority, certificates of edges, and what enrolment leaves in a state directory.
package nodetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// Authority issues certificates. They last from an hour ago for a year.
type Authority struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one with a key of its own.
func NewAuthority() (*Authority, error) {
	a := &Authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	ca := template(1)
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	a.Cert, err = a.sign(ca, ca, &a.key.PublicKey)
	return a, err
}

// template returns what all certificates have in common.
func template(serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
}

func (a *Authority) sign(c, parent *x509.Certificate, key *ecdsa.PublicKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, a.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// issue makes a key and its certificate.
func (a *Authority) issue(id proto.Identity) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	c := template(2)
	c.URIs = []*url.URL{id.URI()}
	if id.Role == proto.RoleEdge {
		c.DNSNames = []string{proto.EdgeName}
	}
	cert, err := a.sign(c, a.Cert, &key.PublicKey)
	return key, cert, err
}

// TLS returns the configuration of either side of a link, with a new certificate of
// that identity; the other side's must be of this authority.
func (a *Authority) TLS(id proto.Identity) (*tls.Config, error) {
	key, cert, err := a.issue(id)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.Cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
		RootCAs:      pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}

// Enrol leaves in dir what a node finds there that has enrolled as id at edges, each
// HOST:PORT.
func (a *Authority) Enrol(dir string, id proto.Identity, edges ...string) error {
	key, cert, err := a.issue(id)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	stored, err := process.Seal(map[string]any{"token_id": "t", "edges": edges, "ca": a.Cert.Raw, "certificate": cert.Raw})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "node.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(dir, "node.json"), stored, 0o600),
	)
}

// Node returns a node that has enrolled in dir as id: see Enrol.
func (a *Authority) Node(dir string, id proto.Identity, edges ...string) (*node.Node, error) {
	return node.New(node.Config{Role: id.Role, StateDir: dir, Version: "test"}), a.Enrol(dir, id, edges...)
}
