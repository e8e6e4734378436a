package state

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/internal/process"
)

// Remote is an external NATS with JetStream, and how the edge proves itself there. Secrets are in
// files, which are read anew at each connection. The zero value is the embedded server.
type Remote struct {
	URL    string // nats://HOST:PORT, or tls://; several separated by commas
	Domain string // JetStream domain; "" = that of the server

	Creds        string // file with a user's JWT and seed; or
	NKey         string // file with a user's seed; or
	User         string // a name with
	PasswordFile string // a file that holds the password and nothing else

	CA   string // file with the authorities of the server's certificate; "" = the system's
	Cert string // file of the client certificate, with
	Key  string // the file of its key
}

// Validate refuses what makes no sense together. It reads no file: that is Check. The error is a
// *conf.FieldError.
func (r *Remote) Validate() error {
	ways := 0
	for _, way := range []string{r.Creds, r.NKey, r.User} {
		if way != "" {
			ways++
		}
	}
	switch {
	case r.URL == "" && *r != Remote{}:
		return remoteError("url", "it is empty, and the store in this process wants none of the other keys", "name the servers, such as nats://nats.example.com:4222, or leave the whole of store out")
	case !isServers(r.URL):
		return remoteError("url", fmt.Sprintf("%q does not name servers of NATS", r.URL), "write it as nats://nats.example.com:4222, or tls:// in the place of nats://; several with commas between them")
	case ways > 1:
		return remoteError("creds", "the edge proves itself in one way", "keep one of creds, nkey, and user with password_file")
	case r.User != "" && r.PasswordFile == "":
		return remoteError("password_file", "a user without a password", "name a file that holds the password of user, and nothing else")
	case r.User == "" && r.PasswordFile != "":
		return remoteError("user", "a password without a user", "name the user whose password it is")
	case (r.Cert == "") != (r.Key == ""):
		return remoteError("cert", "a client certificate is a certificate and its key", "name both files, cert and key")
	case strings.ContainsAny(r.Domain, ".*> \t"):
		return remoteError("domain", fmt.Sprintf("%q is not a JetStream domain", r.Domain), "write it as domain stands in the server's jetstream block: one word")
	}
	return nil
}

// isServers says whether a setting names servers as nats.go reads them; "" is none.
func isServers(list string) bool {
	if list == "" {
		return true
	}
	for server := range strings.SplitSeq(list, ",") {
		server = strings.TrimSpace(server)
		if !strings.Contains(server, "://") {
			server = "nats://" + server
		}
		u, err := url.Parse(server)
		if err != nil || u.Hostname() == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return false
		}
	}
	return true
}

// remoteError is about a key below store: in the edge's file.
func remoteError(key, text, hint string) error {
	return conf.BadField("edge", "store."+key, text, hint)
}

// Check reads the files that r names, as a start does, and says which is of no use: a *conf.FieldError.
func (r *Remote) Check() error {
	_, err := r.options()
	return err
}

// options returns how to connect. They hold no secret: nats.go asks for it at each connection.
func (r *Remote) options() ([]nats.Option, error) {
	var out []nats.Option
	for _, part := range []func() (nats.Option, error){r.creds, r.nkey, r.password, r.ca, r.certificate} {
		option, err := part()
		if err != nil {
			return nil, err
		}
		if option != nil {
			out = append(out, option)
		}
	}
	return out, nil
}

// unusable is the error about a file that is of no use.
func unusable(key string, err error, want string) error {
	return remoteError(key, strings.TrimPrefix(err.Error(), "nats: "), want)
}

func (r *Remote) creds() (nats.Option, error) {
	if r.Creds == "" {
		return nil, nil
	}
	option, probe := nats.UserCredentials(r.Creds), nats.GetDefaultOptions()
	err := option(&probe)
	if err == nil {
		_, err = probe.UserJWT()
	}
	if err == nil {
		_, err = probe.SignatureCB([]byte("probe"))
	}
	if err != nil {
		return nil, unusable("creds", err, "name the .creds file of a NATS user, which this user may read")
	}
	return option, nil
}

func (r *Remote) nkey() (nats.Option, error) {
	if r.NKey == "" {
		return nil, nil
	}
	option, err := nats.NkeyOptionFromSeed(r.NKey)
	if err != nil {
		return nil, unusable("nkey", err, "name a file with the seed of a NATS user (SU…), which this user may read")
	}
	return option, nil
}

func (r *Remote) password() (nats.Option, error) {
	if r.User == "" {
		return nil, nil
	}
	read := func() (string, error) {
		b, err := process.ReadFile(r.PasswordFile)
		return strings.TrimRight(string(b), "\r\n"), err
	}
	if _, err := read(); err != nil {
		return nil, unusable("password_file", err, "name a file that this user may read")
	}
	return nats.UserInfoHandler(func() (user, password string) {
		password, _ = read() // one that has gone meanwhile is a wrong password, of which the server tells
		return r.User, password
	}), nil
}

func (r *Remote) ca() (nats.Option, error) {
	if r.CA == "" {
		return nil, nil
	}
	b, err := process.ReadFile(r.CA)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(b) {
		err = fmt.Errorf("read %s: no certificate in PEM", r.CA)
	}
	if err != nil {
		return nil, unusable("ca", err, "name a file of certificates in PEM, which this user may read")
	}
	return nats.RootCAs(r.CA), nil
}

func (r *Remote) certificate() (nats.Option, error) {
	if r.Cert == "" {
		return nil, nil
	}
	if _, err := tls.LoadX509KeyPair(r.Cert, r.Key); err != nil {
		return nil, unusable("cert", err, "name the certificate in PEM and, in key, the file of its key, both readable for this user")
	}
	return nats.ClientCert(r.Cert, r.Key), nil
}

// dial connects to the NATS cluster of a fleet and keeps reconnecting, also where the credentials
// are being replaced.
func (r *Remote) dial(ctx context.Context, log *zap.Logger) (*nats.Conn, error) {
	options, err := r.options()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(r.URL, append(options, nats.Name("oneping edge"), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if ctx.Err() == nil {
				log.Warn("store connection lost", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("store connection back") }))...)
	if err != nil {
		return nil, &advice.Error{Text: fmt.Sprintf("connect to store: %v", err), Advice: dialAdvice(err), Cause: err}
	}
	return nc, nil
}

// dialAdvice says what to look at when there is no connection.
func dialAdvice(err error) string {
	var unknown x509.UnknownAuthorityError
	var unverified *tls.CertificateVerificationError
	var alert *net.OpError
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return "the server wants other credentials: check store.creds, store.nkey, or store.user and store.password_file"
	case errors.As(err, &unknown):
		return "name in store.ca the authority that has signed the server's certificate"
	case errors.As(err, &unverified):
		return "the server's certificate is of another name, or not valid at this time: check store.url and the clocks"
	case errors.Is(err, nats.ErrTLS), errors.As(err, &alert) && alert.Op == "remote error":
		return "the server refuses the client certificate: check store.cert and store.key"
	}
	return "check store.url and that NATS with JetStream runs there"
}

// jetStream returns JetStream in the domain of r, and what stands before the subjects of keys that
// are written there.
func (r *Remote) jetStream(nc *nats.Conn) (js jetstream.JetStream, prefix string, err error) {
	if r.URL == "" { // in this process, on a machine that may be busy
		js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(openTimeout))
		return js, "", err
	}
	if r.Domain == "" {
		js, err = jetstream.New(nc)
		return js, "", err
	}
	js, err = jetstream.NewWithDomain(nc, r.Domain)
	return js, "$JS." + r.Domain + ".API.", err
}
