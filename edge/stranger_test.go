package edge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// observed is an edge whose log can be read, and a way to make devices.
type observed struct {
	*site
	logs *observer.ObservedLogs
}

func newObserved(t *testing.T) *observed {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	dir := t.TempDir()
	s := &site{t: t, admin: admin.NewClient(filepath.Join(dir, local.SocketName))}
	s.e = startEdge(t, Config{StateDir: dir, Version: "test", Log: zap.New(core)})
	return &observed{site: s, logs: logs}
}

// waitFor waits for what the edge is about to do.
func (o *observed) waitFor(what string, ok func() bool) {
	o.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			o.t.Fatal("never: " + what)
		}
	}
}

// TestWhatANodeReportsIsLittleAndPrintable, whatever it says and over however many links: five
// links were 51 MB of log.
func TestWhatANodeReportsIsLittleAndPrintable(t *testing.T) {
	o := newObserved(t)
	n := enrol(t, proto.RoleClient, o.token("alice"))
	for range 3 {
		p := connect(t, n)
		for range 20 {
			if err := p.l.SendControl(&proto.Control{Event: &proto.Event{Text: "\u009b31m\u202e" + strings.Repeat("x", 20_000)}}); err != nil {
				t.Fatal(err)
			}
		}
		o.waitFor("all has been read", func() bool { // a renewal is answered after what was said before it
			_ = p.l.SendControl(&proto.Control{Renew: &proto.Renew{}})
			return p.message1().Renewed != nil
		})
		_ = p.l.Close(proto.CodeOK, "")
	}
	said := o.logs.FilterMessage("node reports").All()
	if len(said) == 0 || len(said) > requestBurst {
		t.Errorf("%d lines, want at most %d", len(said), requestBurst)
	}
	for _, e := range said {
		if text, _ := e.ContextMap()["reason"].(string); len(text) > 256 || strings.ContainsAny(text, "\u009b\u202e") {
			t.Errorf("logged %d bytes, %.20q", len(text), text)
		}
	}
}

// TestAnEventOfAMegabyteEndsTheLink, and is not in the log.
func TestAnEventOfAMegabyteEndsTheLink(t *testing.T) {
	o := newObserved(t)
	p := connect(t, enrol(t, proto.RoleClient, o.token("alice")))
	if err := p.l.SendControl(&proto.Control{Event: &proto.Event{Text: strings.Repeat("x", 1_000_000)}}); err != nil {
		t.Fatal(err)
	}
	<-p.l.Done()
	o.waitFor("the edge says why", func() bool { return o.logs.FilterMessage("node disconnected").Len() == 1 })
	if n := o.logs.FilterMessage("node reports").Len(); n != 0 {
		t.Errorf("%d reports logged", n)
	}
	reason, _ := o.logs.FilterMessage("node disconnected").All()[0].ContextMap()["reason"].(string)
	if want := "link closed by us: protocol violation: an event of 1000000 bytes"; reason != want {
		t.Errorf("ended by %q, want %q", reason, want)
	}
}

// TestANodeThatComesAndGoesFillsNoLog: three minutes of it were 16.8 MB.
func TestANodeThatComesAndGoesFillsNoLog(t *testing.T) {
	o := newObserved(t)
	n := enrol(t, proto.RoleClient, o.token("alice"))
	for range 30 {
		p := connect(t, n)
		_ = p.l.Close(proto.CodeOK, "\u202ebye\u009b")
	}
	o.waitFor("all are gone", func() bool { return len(o.e.acceptor.links.all()) == 0 })
	for _, msg := range []string{"node connected", "node disconnected"} {
		said := o.logs.FilterMessage(msg).All()
		if len(said) != 10 {
			t.Errorf("%d lines %q for 30 links, want 10", len(said), msg)
		}
		for _, e := range said {
			if text, _ := e.ContextMap()["reason"].(string); strings.ContainsAny(text, "\u202e\u009b") {
				t.Errorf("logged %q", text)
			}
		}
	}
}

// selfSigned is a certificate of nobody.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestARefusedStrangerIsLoggedSeldom: one line for each handshake was 10 GB a day.
func TestARefusedStrangerIsLoggedSeldom(t *testing.T) {
	o := newObserved(t)
	conf := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, InsecureSkipVerify: true}
	for range 12 {
		l, err := path.Dial(t.Context(), o.e.Status().Listen.String(), path.Config{TLS: conf})
		if err != nil { // refused as soon as that
			continue
		}
		<-l.Done()
		_ = l.Close(proto.CodeOK, "")
	}
	o.waitFor("the connections are over", func() bool { return len(o.e.acceptor.links.all()) == 0 })
	if n := o.logs.FilterMessage("link refused").Len(); n != 1 {
		t.Errorf("%d lines for 12 handshakes, want 1", n)
	}
}

// TestLinksWithoutHelloMakeRoom: a device needs one, and each may make the edge keep megabytes.
func TestLinksWithoutHelloMakeRoom(t *testing.T) {
	o := newObserved(t)
	n := enrol(t, proto.RoleClient, o.token("alice"))
	conf, err := n.TLS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var links []*link.Link
	for i := range maxWaiting + 2 {
		l, err := path.Dial(t.Context(), n.Edges()[0], path.Config{TLS: conf})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close(proto.CodeOK, "") }()
		links = append(links, l)
		o.waitFor("the edge knows it", func() bool { return len(o.e.acceptor.links.all()) >= min(i+1, maxWaiting) })
		if i >= maxWaiting {
			<-links[i-maxWaiting].Done()
		}
	}
	for _, l := range links[2:] {
		select {
		case <-l.Done():
			t.Error("one of the newest links has ended")
		default:
		}
	}
	connect(t, n) // a link that says hello is welcome meanwhile
}
