package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
)

// Files of the authority in the data directory.
const (
	keyFile    = "ca.key"
	certFile   = "ca.crt"
	secretFile = "secret"
	checkFile  = "secret.check"
)

// fileError is about a file that cannot be used, with what to do about it.
func fileError(path string, cause error, hint string) error {
	why := cause
	var pe *fs.PathError
	if errors.As(cause, &pe) {
		why = pe.Err
	}
	return &advice.Error{Text: fmt.Sprintf("read %s: %v", path, why), Advice: hint, Cause: cause}
}

const (
	adviceOwner  = "run as the user who owns the edge's state directory"
	adviceRemake = "restore the file from a backup; or remove it: it is made anew from " + keyFile + ", and every node takes it"
)

func (a *Authority) adviceRestore() string {
	if hint := a.adviceRepeat(); hint != "" {
		return hint
	}
	return "restore the file from a backup; or make a new authority, with which every node must enrol anew: oneping edge rekey --ca --state-dir " + a.cfg.Dir
}

// adviceRepeat is for a directory in which a restore may have been interrupted; "" where there was
// none. All that is missing there is in the backup, and a rekey would have every node enrol anew.
func (a *Authority) adviceRepeat() string {
	if !state.Replaced(a.cfg.Dir) {
		return ""
	}
	return "a restore has not ended, or was not the last word: repeat oneping edge restore --replace FILE --state-dir " + a.cfg.Dir
}

func (a *Authority) path(name string) string { return filepath.Join(a.cfg.Dir, name) }

// KeyPath returns where the authority's key is kept.
func (a *Authority) KeyPath() string { return a.path(keyFile) }

// Exists says whether an edge has, or had, its files in the data directory.
func (a *Authority) Exists() bool {
	for _, name := range []string{keyFile, certFile, secretFile} {
		if _, err := os.Lstat(a.path(name)); err == nil {
			return true
		}
	}
	known, err := state.KnowsNodes(a.cfg.Dir)
	return known || err != nil
}

// errLost is about a file without which nodes that are known here are nobody's.
var errLost = errors.New("it is missing, and what is stored here goes with it")

// readOrMake returns the contents of a file; where it is missing, and lost has nothing against that,
// what create returns, written with mode. A private one that others may read is refused.
func (a *Authority) readOrMake(name string, mode fs.FileMode, lost func() error, create func() ([]byte, error)) ([]byte, error) {
	b, err := process.ReadFile(a.path(name))
	if err == nil {
		if mode&0o077 == 0 {
			err = process.CheckMode(a.path(name))
		}
		return b, err
	}
	if errors.Is(err, process.ErrNoFile) {
		return nil, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(a.path(name), err, adviceOwner)
	}
	if err := lost(); err != nil {
		return nil, err
	}
	b, err = create()
	if err != nil {
		return nil, err
	}
	err = process.WriteNewFile(a.path(name), b, mode)
	if errors.Is(err, fs.ErrExist) { // another process was first
		b, err = process.ReadFile(a.path(name))
	}
	if err != nil {
		return nil, fileError(a.path(name), err, adviceOwner)
	}
	return b, nil
}

// lost refuses to make a file anew beside nodes and tokens, which go with the one that was there.
func (a *Authority) lost(name, hint string) func() error {
	return func() error {
		known, err := state.KnowsNodes(a.cfg.Dir)
		if err != nil {
			return err
		}
		if _, err := os.Stat(a.path(certFile)); known || err == nil && name == keyFile {
			return fileError(a.path(name), errLost, hint)
		}
		return nil
	}
}

func (a *Authority) loadKey() error {
	b, err := a.readOrMake(keyFile, 0o600, a.lost(keyFile, a.adviceRestore()), newKey)
	if err != nil {
		return err
	}
	if a.key, err = parseKey(b); err != nil {
		return fileError(a.path(keyFile), err, a.adviceRestore())
	}
	return nil
}

// parseKey reads the file of the authority's key.
func parseKey(b []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a key of type %T, not ECDSA", key)
	}
	return ec, nil
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make authority key: %w", err)
	}
	return encodeKey(key)
}

// encodeKey returns the file of the authority's key.
func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode authority key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// loadCertificate reads the authority's certificate, or makes it where lost has nothing against that.
func (a *Authority) loadCertificate(lost func() error) error {
	b, err := a.readOrMake(certFile, 0o644, lost, a.selfSign)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return fileError(a.path(certFile), errors.New("not PEM"), adviceRemake)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fileError(a.path(certFile), err, adviceRemake)
	}
	if !a.key.PublicKey.Equal(cert.PublicKey) {
		return fileError(a.path(certFile), errors.New("it does not belong to "+keyFile), a.adviceRestore())
	}
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return fileError(a.path(certFile), fmt.Errorf("it is not what was signed: %w", err), adviceRemake)
	}
	a.cert = cert
	return nil
}

// remake says that the authority's certificate is made anew: it follows from the key, which is what
// nodes know.
func (a *Authority) remake() error {
	if known, err := state.KnowsNodes(a.cfg.Dir); err == nil && known {
		a.cfg.Log.Warn("the authority's certificate was missing: it is made anew from the key", zap.String("file", a.path(certFile)))
	}
	return nil
}
