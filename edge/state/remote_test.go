package state

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
)

// file writes a file of its own and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// refused runs a store that must not get in, and returns the hint.
func refused(t *testing.T, r Remote) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := New(Config{Dir: t.TempDir(), Remote: r}).Run(ctx)
	if err == nil || ctx.Err() != nil {
		t.Fatalf("the store was let in, or hangs: %v", err)
	}
	return advice.Of(err)
}

// works runs a store, which must get in, and changes something.
func works(t *testing.T, r Remote) {
	t.Helper()
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
	s, stop := open(t, Config{Dir: t.TempDir(), Remote: r})
	defer stop()
	tun, err := s.CreateTunnel(t.Context(), "office")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Audit(t.Context(), AuditEvent{Action: "tunnel create"}); err != nil {
		t.Error(err)
	}
	if got, err := s.AuditLog(t.Context(), 1); err != nil || len(got) != 1 || got[0].Action != "tunnel create" {
		t.Errorf("audit log %+v, %v", got, err)
	}
	if err := s.DeleteTunnel(t.Context(), tun.ID); err != nil {
		t.Error(err)
	}
}

const otherCredentials = "the server wants other credentials: check store.creds, store.nkey, or store.user and store.password_file"

func TestStoreWithUserAndPassword(t *testing.T) {
	srv := runNATS(t, func(o *server.Options) { o.Username, o.Password = "edge", "let me in" })
	works(t, Remote{URL: srv.ClientURL(), User: "edge", PasswordFile: file(t, "let me in\n")})
	for name, r := range map[string]Remote{
		"no user":          {URL: srv.ClientURL()},
		"a wrong password": {URL: srv.ClientURL(), User: "edge", PasswordFile: file(t, "let me out\n")},
	} {
		if hint := refused(t, r); hint != otherCredentials {
			t.Errorf("%s: hint %q", name, hint)
		}
	}
}

// user makes the key of a NATS user and returns its seed and public key.
func user(t *testing.T) (seed, public string) {
	t.Helper()
	kp, err := nkeys.CreateUser()
	return seedOf(t, kp, err), publicOf(t, kp)
}

func seedOf(t *testing.T, kp nkeys.KeyPair, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := kp.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return string(seed)
}

func publicOf(t *testing.T, kp nkeys.KeyPair) string {
	t.Helper()
	public, err := kp.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func TestStoreWithNKey(t *testing.T) {
	seed, public := user(t)
	other, _ := user(t)
	srv := runNATS(t, func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} })
	works(t, Remote{URL: srv.ClientURL(), NKey: file(t, seed+"\n")})
	if hint := refused(t, Remote{URL: srv.ClientURL(), NKey: file(t, other)}); hint != otherCredentials {
		t.Errorf("another key: hint %q", hint)
	}
}

// credentials makes an operator with one account that may use JetStream, and a user's .creds file.
func credentials(t *testing.T) (operator *jwt.OperatorClaims, accounts *server.MemAccResolver, creds string) {
	t.Helper()
	root, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	operator = jwt.NewOperatorClaims(publicOf(t, root))
	system, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	operator.SystemAccount = publicOf(t, system)
	accounts = new(server.MemAccResolver)
	for kp, limits := range map[nkeys.KeyPair]jwt.JetStreamLimits{account: {DiskStorage: -1, MemoryStorage: -1}, system: {}} {
		claims := jwt.NewAccountClaims(publicOf(t, kp))
		claims.Limits.JetStreamLimits = limits
		text, err := claims.Encode(root)
		if err != nil {
			t.Fatal(err)
		}
		if err := accounts.Store(publicOf(t, kp), text); err != nil {
			t.Fatal(err)
		}
	}
	seed, public := user(t)
	text, err := jwt.NewUserClaims(public).Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	b, err := jwt.FormatUserConfig(text, []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	return operator, accounts, file(t, string(b))
}

func TestStoreWithCredentials(t *testing.T) {
	operator, accounts, creds := credentials(t)
	_, _, others := credentials(t)
	srv := runNATS(t, func(o *server.Options) {
		o.TrustedOperators, o.AccountResolver, o.SystemAccount = []*jwt.OperatorClaims{operator}, accounts, operator.SystemAccount
	})
	works(t, Remote{URL: srv.ClientURL(), Creds: creds})
	if hint := refused(t, Remote{URL: srv.ClientURL(), Creds: others}); hint != otherCredentials {
		t.Errorf("a user of another operator: hint %q", hint)
	}
}

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.file, _, a.key, a.cert = a.sign("authority", nil)
	return a
}

// sign makes a certificate and its key, as PEM files; parent nil signs itself.
func (a *authority) sign(name string, parent *authority) (cert, key string, private *ecdsa.PrivateKey, parsed *x509.Certificate) {
	a.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: parent == nil,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	by, signer := tmpl, private
	if parent != nil {
		by, signer = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, by, &private.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	parsed, err = x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	cert = file(a.t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	key = file(a.t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	return cert, key, private, parsed
}

func TestStoreWithTLS(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	serverCert, serverKey, _, _ := ca.sign("server", ca)
	cert, key, _, _ := ca.sign("edge", ca)
	foreignCert, foreignKey, _, _ := stranger.sign("edge", stranger)
	pair, err := tls.LoadX509KeyPair(serverCert, serverKey)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	srv := runNATS(t, func(o *server.Options) {
		o.TLS, o.TLSVerify = true, true
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
	})
	works(t, Remote{URL: srv.ClientURL(), CA: ca.file, Cert: cert, Key: key})
	const unknown = "name in store.ca the authority that has signed the server's certificate"
	const client = "the server refuses the client certificate: check store.cert and store.key"
	for _, c := range []struct {
		name, hint string
		r          Remote
	}{
		{"no authority", unknown, Remote{URL: srv.ClientURL(), Cert: cert, Key: key}},
		{"a wrong authority", unknown, Remote{URL: srv.ClientURL(), CA: stranger.file, Cert: cert, Key: key}},
		{"no certificate", client, Remote{URL: srv.ClientURL(), CA: ca.file}},
		{"a stranger's certificate", client, Remote{URL: srv.ClientURL(), CA: ca.file, Cert: foreignCert, Key: foreignKey}},
	} {
		if hint := refused(t, c.r); hint != c.hint {
			t.Errorf("%s: hint %q, want %q", c.name, hint, c.hint)
		}
	}
}

// TestStoreInADomain: the edge speaks to a leaf, which has a JetStream of its own; what it stores is
// in the hub's.
func TestStoreInADomain(t *testing.T) {
	hub := runNATS(t, func(o *server.Options) {
		o.ServerName, o.JetStreamDomain = "hub", "hub"
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT
	})
	var port string
	await(t, "the hub's leaf listener", func() error {
		info, err := hub.Varz(nil)
		if err != nil {
			return err
		}
		if info.LeafNode.Port <= 0 {
			return errors.New("it does not listen")
		}
		port = net.JoinHostPort("127.0.0.1", big.NewInt(int64(info.LeafNode.Port)).String())
		return nil
	})
	leaf := runNATS(t, func(o *server.Options) {
		o.ServerName, o.JetStreamDomain = "leaf", "leaf"
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats", Host: port}}}}
	})
	await(t, "the leaf's link", func() error {
		if hub.NumLeafNodes() == 0 {
			return errors.New("no leaf is connected")
		}
		return nil
	})
	works(t, Remote{URL: leaf.ClientURL(), Domain: "hub"})
	if got := settings(t, jetStreamOf(t, hub)); len(got) != 3 {
		t.Errorf("%d streams are in the hub, want 3", len(got))
	}
	if _, err := jetStreamOf(t, leaf).Stream(t.Context(), streamState); err == nil {
		t.Error("the leaf has a bucket of its own")
	}
	if hint := refused(t, Remote{URL: leaf.ClientURL(), Domain: "elsewhere"}); hint != "enable JetStream there for this account, or name its domain in store.domain" {
		t.Errorf("an unknown domain: hint %q", hint)
	}
}

func TestRemoteErrors(t *testing.T) {
	const at = "nats://127.0.0.1:4222"
	none := filepath.Join(t.TempDir(), "none")
	ca := newAuthority(t)
	for name, c := range map[string]struct {
		r     Remote
		field string
	}{
		"keys without servers":       {Remote{Creds: "x"}, "store.url"},
		"two ways":                   {Remote{URL: at, Creds: "x", NKey: "y"}, "store.creds"},
		"a user without password":    {Remote{URL: at, User: "edge"}, "store.password_file"},
		"a password without user":    {Remote{URL: at, PasswordFile: "x"}, "store.user"},
		"a certificate without key":  {Remote{URL: at, Cert: "x"}, "store.cert"},
		"a key without certificate":  {Remote{URL: at, Key: "x"}, "store.cert"},
		"a domain of two words":      {Remote{URL: at, Domain: "a.b"}, "store.domain"},
		"no creds file":              {Remote{URL: at, Creds: none}, "store.creds"},
		"no user in the creds file":  {Remote{URL: at, Creds: ca.file}, "store.creds"},
		"no nkey file":               {Remote{URL: at, NKey: none}, "store.nkey"},
		"no seed in the nkey file":   {Remote{URL: at, NKey: ca.file}, "store.nkey"},
		"no password file":           {Remote{URL: at, User: "edge", PasswordFile: none}, "store.password_file"},
		"no authority file":          {Remote{URL: at, CA: none}, "store.ca"},
		"no certificate in the file": {Remote{URL: at, CA: file(t, "hello")}, "store.ca"},
		"no certificate file":        {Remote{URL: at, Cert: none, Key: none}, "store.cert"},
	} {
		err := c.r.Validate()
		if err == nil {
			err = c.r.Check()
		}
		var wrong *conf.FieldError
		if !errors.As(err, &wrong) || wrong.Of != "edge" || wrong.Field != c.field || advice.Of(err) == "" {
			t.Errorf("%s: %v, hint %q; want a fault of %s", name, err, advice.Of(err), c.field)
		}
	}
	if err := errors.Join((&Remote{}).Validate(), (&Remote{}).Check()); err != nil {
		t.Errorf("the embedded store: %v", err)
	}
}
