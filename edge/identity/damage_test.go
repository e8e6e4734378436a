package identity

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// knowing makes a state directory with an authority and the evidence of one device.
func knowing(t *testing.T) (dir string, a *Authority) {
	t.Helper()
	dir = t.TempDir()
	a = New(Config{Dir: dir})
	if err := a.Load(); err != nil {
		t.Fatal(err)
	}
	var im journal.Image
	im.Apply(journal.Record{Revision: 1, Op: journal.Put, Key: "device.d", Value: []byte("{}")})
	if err := journal.Renew(dir, &journal.Evidence{None: true}, im).Save(); err != nil {
		t.Fatal(err)
	}
	return dir, a
}

// Beside nodes that are known nothing is silently made anew with which they would be nobody's.
func TestLostFilesAreRefused(t *testing.T) {
	for name, hint := range map[string]string{keyFile: "oneping edge rekey --ca", secretFile: "oneping edge rekey"} {
		dir, _ := knowing(t)
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		err := New(Config{Dir: dir}).Load()
		if err == nil || err.Error() != "read "+path+": it is missing, and what is stored here goes with it" || !strings.HasSuffix(advice.Of(err), ": "+hint+" --state-dir "+dir) {
			t.Errorf("%s: %v, hint %q", name, err, advice.Of(err))
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was made anew", name)
		}
		if err := os.Mkdir(filepath.Join(dir, "replaced-20261127T150000"), 0o700); err != nil { // a restore was killed
			t.Fatal(err)
		}
		if hint := advice.Of(New(Config{Dir: dir}).Load()); !strings.HasSuffix(hint, ": repeat oneping edge restore --replace FILE --state-dir "+dir) || strings.Contains(hint, "rekey") {
			t.Errorf("%s, behind a restore: hint %q", name, hint)
		}
	}
}

// The authority's certificate follows from its key: it is made anew, with a word, and nodes that know
// the old one take the new one.
func TestTheCertificateIsMadeAnew(t *testing.T) {
	dir, old := knowing(t)
	if err := os.Remove(filepath.Join(dir, certFile)); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.WarnLevel)
	a := New(Config{Dir: dir, Log: zap.New(core)})
	if err := a.Load(); err != nil {
		t.Fatal(err)
	}
	if logs.Len() != 1 || logs.All()[0].Message != "the authority's certificate was missing: it is made anew from the key" {
		t.Errorf("the log says %v", logs.All())
	}
	if a.Pin() != old.Pin() || a.ID() != old.ID() || bytes.Equal(a.cert.Raw, old.cert.Raw) {
		t.Error("it is another authority, or the same certificate")
	}
	for _, pair := range [][2]*Authority{{a, old}, {old, a}} {
		leaf, err := pair[0].edgeCertificate()
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(pair[1].cert)
		if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: proto.EdgeName}); err != nil {
			t.Errorf("by the other's certificate: %v", err)
		}
	}
}

// A bit of each file: it is refused with the file's name and a hint, or is the same authority.
func TestBitsOfTheAuthority(t *testing.T) {
	dir, old := knowing(t)
	for _, name := range []string{keyFile, certFile, secretFile, checkFile} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		refused, step := 0, 7 // each bit of a byte in turn
		for bit := 0; bit < 8*len(good); bit += step {
			b := bytes.Clone(good)
			b[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			a := New(Config{Dir: dir})
			switch err := a.Load(); {
			case err == nil:
				if a.Pin() != old.Pin() || a.ID() != old.ID() || !bytes.Equal(a.cert.Raw, old.cert.Raw) {
					t.Errorf("%s: bit %d makes another authority", name, bit)
				}
			case !strings.HasPrefix(err.Error(), "read "+dir+"/ca.") && !strings.HasPrefix(err.Error(), "read "+path+": ") &&
				err.Error() != "read "+dir+"/secret: it does not belong to "+path, advice.Of(err) == "":
				t.Errorf("%s: bit %d: %v, hint %q", name, bit, err, advice.Of(err))
			default:
				refused++
			}
		}
		t.Logf("%s: %d of %d bits refused", name, refused, (8*len(good)+step-1)/step)
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
