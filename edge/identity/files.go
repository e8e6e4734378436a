package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
)

// Files of the authority in the data directory.
const (
	keyFile    = "ca.key"
	certFile   = "ca.crt"
	secretFile = "secret"
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
	adviceOwner   = "run as the user who owns the edge's state directory"
	adviceRestore = "restore the file from a backup; without it every node must enrol anew: move the whole state directory away and run oneping edge init"
)

func (a *Authority) path(name string) string { return filepath.Join(a.cfg.Dir, name) }

// KeyPath returns where the authority's key is kept.
func (a *Authority) KeyPath() string { return a.path(keyFile) }

// readOrMake returns the contents of a file; where it is missing, what create
// returns, written with mode. A private one that others may read is refused.
func (a *Authority) readOrMake(name string, mode fs.FileMode, create func() ([]byte, error)) ([]byte, error) {
	b, err := os.ReadFile(a.path(name))
	if err == nil {
		if mode&0o077 == 0 {
			err = process.CheckMode(a.path(name))
		}
		return b, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(a.path(name), err, adviceOwner)
	}
	b, err = create()
	if err != nil {
		return nil, err
	}
	err = process.WriteNewFile(a.path(name), b, mode)
	if errors.Is(err, fs.ErrExist) { // another process was first
		b, err = os.ReadFile(a.path(name))
	}
	if err != nil {
		return nil, fileError(a.path(name), err, adviceOwner)
	}
	return b, nil
}

func (a *Authority) loadKey() error {
	b, err := a.readOrMake(keyFile, 0o600, newKey)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return fileError(a.path(keyFile), errors.New("not PEM"), adviceRestore)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return fileError(a.path(keyFile), err, adviceRestore)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return fileError(a.path(keyFile), fmt.Errorf("a key of type %T, not ECDSA", key), adviceRestore)
	}
	a.key = ec
	return nil
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make authority key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode authority key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func (a *Authority) loadCertificate() error {
	b, err := a.readOrMake(certFile, 0o644, a.selfSign)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return fileError(a.path(certFile), errors.New("not PEM"), adviceRestore)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fileError(a.path(certFile), err, adviceRestore)
	}
	if !a.key.PublicKey.Equal(cert.PublicKey) {
		return fileError(a.path(certFile), errors.New("it does not belong to "+keyFile), adviceRestore)
	}
	a.cert = cert
	return nil
}

func (a *Authority) loadSecret() error {
	b, err := a.readOrMake(secretFile, 0o600, func() ([]byte, error) {
		var s [32]byte
		_, _ = rand.Read(s[:])
		return []byte(hex.EncodeToString(s[:]) + "\n"), nil
	})
	if err != nil {
		return err
	}
	s, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(s) != len(a.secret) {
		return fileError(a.path(secretFile), errors.New("not 64 hexadecimal digits"), adviceRestore)
	}
	a.secret = [32]byte(s)
	return nil
}
