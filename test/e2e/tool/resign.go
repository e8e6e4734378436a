//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// runResign gives a stopped node a certificate that says the same with another
// end, signed by the authority of an edge's state directory: what the node would have after
// days of being off, or if another edge had let it in.
func runResign(_ context.Context, flags *flag.FlagSet, args []string) error {
	ends := flags.Duration("ends", 0, "end of the certificate from now; negative: expired")
	args, err := parse(flags, args, 2)
	if err != nil {
		return err
	}
	ca, key, err := readAuthority(args[0])
	if err != nil {
		return err
	}
	path := filepath.Join(args[1], "node.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var stored map[string]any
	if err := json.Unmarshal(b, &stored); err != nil {
		return err
	}
	var only struct{ Certificate []byte }
	if err := json.Unmarshal(b, &only); err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(only.Certificate)
	if err != nil {
		return err
	}
	life := cert.NotAfter.Sub(cert.NotBefore)
	cert.NotAfter = time.Now().Add(*ends)
	cert.NotBefore = cert.NotAfter.Add(-life)
	cert.SignatureAlgorithm = x509.UnknownSignatureAlgorithm // the key's own
	if stored["certificate"], err = x509.CreateCertificate(rand.Reader, cert, ca, cert.PublicKey, key); err != nil {
		return err
	}
	if b, err = json.Marshal(stored); err != nil {
		return err
	}
	fmt.Println("ends", cert.NotAfter.UTC().Format(time.RFC3339))
	return os.WriteFile(path, b, 0o600) // in place: it stays its owner's
}

// readAuthority reads certificate and key of an edge's authority.
func readAuthority(dir string) (*x509.Certificate, any, error) {
	var blocks [2]*pem.Block
	for i, name := range []string{"ca.crt", "ca.key"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, err
		}
		if blocks[i], _ = pem.Decode(b); blocks[i] == nil {
			return nil, nil, fmt.Errorf("%s is not PEM", name)
		}
	}
	cert, err := x509.ParseCertificate(blocks[0].Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(blocks[1].Bytes)
	return cert, key, err
}
