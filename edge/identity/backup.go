package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/oneping/oneping/edge/state"
)

// Files returns the files of the authority as they should be, whatever is on the disk by now. A
// state directory that has all but the last of them is refused by a start, where nodes are known.
func (a *Authority) Files() ([]state.File, error) {
	key, err := encodeKey(a.key)
	if err != nil {
		return nil, err
	}
	return []state.File{
		{Name: checkFile, Data: checkOf(a.secret)},
		{Name: secretFile, Data: hexLine(a.secret[:])},
		{Name: certFile, Data: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})},
		{Name: keyFile, Data: key},
	}, nil
}

// FileNames are the names of what Files returns, in its order.
func FileNames() []string { return []string{checkFile, secretFile, certFile, keyFile} }

// Verify says whether the files of an authority, by name, belong together.
func Verify(files map[string][]byte) error {
	key, err := parseKey(files[keyFile])
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	block, _ := pem.Decode(files[certFile])
	if block == nil {
		return errors.New(certFile + ": not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("%s: %w", certFile, err)
	}
	if public, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(&key.PublicKey) {
		return errors.New(certFile + ": it does not belong to " + keyFile)
	}
	secret, _, err := parseSecret(files[secretFile])
	if err != nil {
		return fmt.Errorf("%s: %w", secretFile, err)
	}
	if !bytes.Equal(files[checkFile], checkOf(secret)) {
		return errors.New(secretFile + ": it does not belong to " + checkFile)
	}
	return nil
}
