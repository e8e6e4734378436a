// Package identity is the edge's certificate authority and its doorman: it
// makes tokens, enrols nodes with them, signs and renews their certificates,
// and says of each link whose it is or why not.
//
// A node's key never leaves the node. The authority's key and the edge's secret
// live in the edge's data directory, mode 0600; the store keeps only hashes of
// token secrets and of node keys. Every refusal names its reason, goes to the
// node in words and is logged here as well.
package identity

import (
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/state"
)

const (
	// CertificateLife is how long a node's certificate lasts; it is renewed at half of that.
	CertificateLife = 7 * 24 * time.Hour
	// Backdate is how far before now a certificate begins: clocks differ.
	Backdate = 10 * time.Minute
	// RenewalGrace is for how long after its end a certificate is good for renewal, and for nothing else.
	RenewalGrace = 180 * 24 * time.Hour
	// DeviceTokenLife is how long a device token lasts when nothing else is said.
	DeviceTokenLife = time.Hour
	// MaxDeviceTokenLife is the longest that a device token may last: it lies about in mails and
	// files, and whoever finds it is the user.
	MaxDeviceTokenLife = 30 * 24 * time.Hour
)

// Config is what an authority needs.
type Config struct {
	Dir       string          // data directory of the edge
	Store     *state.Store    // running
	Advertise func() []string // addresses of this edge for tokens, host:port
	Now       func() time.Time
	// Memory is how many bytes the process may hold, of which strangers may take a part; 0 = nobody says.
	Memory uint64
	// Short says whether memory is short now; may be nil.
	Short func() bool
	Log   *zap.Logger
}

// Authority is the certificate authority. Its methods are safe for concurrent
// use after Load.
type Authority struct {
	cfg       Config
	limits    *limits
	records   *records
	strangers *strangers

	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	pin    [32]byte // SHA-256 of the CA's public key
	secret [32]byte
	id     string // of this edge

	mu   sync.Mutex
	edge *tls.Certificate // this edge's own, for a key that lives in memory only
}

// New returns an authority that does nothing until Load.
func New(cfg Config) *Authority {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Advertise == nil {
		cfg.Advertise = func() []string { return nil }
	}
	return &Authority{cfg: cfg, limits: newLimits(cfg.Memory), records: newRecords(), strangers: newStrangers(cfg.Memory)}
}

// Load reads the authority's key and the edge's secret, or makes them at the first start.
func (a *Authority) Load() error {
	if err := a.loadKey(); err != nil {
		return err
	}
	if err := a.loadCertificate(a.remake); err != nil {
		return err
	}
	a.pin = sha256.Sum256(a.cert.RawSubjectPublicKeyInfo)
	if err := a.loadSecret(); err != nil {
		return err
	}
	id, err := a.derive("edge id", 10)
	if err != nil {
		return err
	}
	a.id = fmt.Sprintf("%x", id)
	return nil
}

// ID returns the edge's own id, the same at each start.
func (a *Authority) ID() string { return a.id }

// Pin returns the SHA-256 of the authority's public key (SubjectPublicKeyInfo), which tokens carry.
func (a *Authority) Pin() [32]byte { return a.pin }

// ResetKey returns the QUIC stateless reset key (RFC 9000 §10.3), the same at each start.
func (a *Authority) ResetKey() [32]byte {
	b, _ := a.derive("quic stateless reset key", 32) // 32 bytes never exceed what HKDF gives
	return [32]byte(b)
}

// derive returns n bytes that follow from the edge's secret (RFC 5869).
func (a *Authority) derive(purpose string, n int) ([]byte, error) {
	b, err := hkdf.Key(sha256.New, a.secret[:], nil, "oneping "+purpose, n)
	if err != nil {
		return nil, fmt.Errorf("derive %s: %w", purpose, err)
	}
	return b, nil
}
