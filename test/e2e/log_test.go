//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	floodFor     = 5 * time.Second
	floodWorkers = 8
	// floodMost is what strangers may write into a log in a minute, in bytes.
	floodMost = 10 << 10
)

// TestStrangersFillNoLog: eight workers do for five seconds whatever a stranger can do: enrol with a
// token that is unknown or used, say nothing, decline, show a certificate of nobody or none. They
// wrote 87 KB a second.
func TestStrangersFillNoLog(t *testing.T) {
	t.Parallel()
	b := newLoopback(t)
	edge := b.run(nil, append([]string{bin}, b.edgeArgs()...)...)
	b.answers("edge")
	used := b.usedToken()
	var dials atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), floodFor)
	defer cancel()
	var wg sync.WaitGroup
	for w := range floodWorkers {
		wg.Go(func() {
			for i := w; ctx.Err() == nil; i++ {
				b.strange(ctx, i, used)
				dials.Add(1)
			}
		})
	}
	wg.Wait()
	audit, err := admin.NewClient(filepath.Join(b.path("edge"), local.SocketName)).AuditLog(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, e := range audit {
		if e.Action == "enrol refused" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d records of one token that is used, want 1", refused)
	}
	if r := b.do("edge", "status", "--ready", "--state-dir", b.path("edge")); r.code != 0 {
		t.Errorf("the edge: %+v", r)
	}
	edge.signal(syscall.SIGTERM)
	edge.code()
	text := edge.log.Bytes()
	if strangers := bytes.Count(text, []byte(" refused")) + bytes.Count(text, []byte("without an answer")); dials.Load() < 50 || strangers == 0 {
		t.Errorf("%d dials, %d lines about them: nothing was tried", dials.Load(), strangers)
	}
	if len(text) > floodMost {
		t.Errorf("%d dials wrote %d bytes of log\n%s", dials.Load(), len(text), text)
	}
	t.Logf("%d dials, %d bytes, %d lines", dials.Load(), len(text), bytes.Count(text, []byte("\n")))
}

// usedToken returns a device token that a device has enrolled with.
func (b *loopback) usedToken() proto.Token {
	b.t.Helper()
	file := b.path("device.token")
	if r := b.do("device", "token", "--user", "alice@example.com", "--state-dir", b.path("edge"), "--output", file); r.code != 0 {
		b.t.Fatalf("device token: %+v", r)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	tok, err := proto.ParseToken(strings.TrimSpace(string(text)))
	if err != nil {
		b.t.Fatal(err)
	}
	source := func(context.Context) (proto.Token, bool, error) { return tok, true, nil }
	if err := node.New(node.Config{Role: proto.RoleClient, TokenSource: source}).Enrol(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return tok
}

// strange does the i-th thing that a stranger may try.
func (b *loopback) strange(ctx context.Context, i int, used proto.Token) {
	switch i % 5 {
	case 0, 1:
		tok := used
		if i%5 == 1 {
			tok.ID = strings.Repeat("\u202ex", 200)
		}
		one, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		_ = node.New(node.Config{Role: proto.RoleClient, TokenSource: func(context.Context) (proto.Token, bool, error) { return tok, true, nil }}).Enrol(one)
	case 2:
		b.dial(ctx, path.Config{ALPN: proto.EnrolALPN, TLS: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}})
	case 3:
		b.dial(ctx, path.Config{TLS: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, Certificates: []tls.Certificate{nobodys(b.t)}}})
	case 4:
		b.dial(ctx, path.Config{TLS: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}})
	}
}

func (b *loopback) dial(ctx context.Context, cfg path.Config) {
	l, err := path.Dial(ctx, b.addr, cfg)
	if err != nil {
		return
	}
	_ = l.Close(proto.CodeRefused, strings.Repeat("\u009b31m", 100))
}

// nobodys is a certificate that nobody signed.
func nobodys(t testing.TB) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Error(err)
		return tls.Certificate{}
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Error(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestANameServiceThatRefusesIsALineAMinute, with a hint: each attempt has another port in its text.
func TestANameServiceThatRefusesIsALineAMinute(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--bare")
	edge := l.start("edge", "oneping", "edge", "run", "--advertise", "edge.test:7844")
	edge.waitFor("edge ready")
	l.run("edge", "sh", "-c", "oneping tunnel create office --output connector.token; oneping device token --user alice@example.com --output laptop.token")
	l.run("connector", "sh", "-c", "echo 'nameserver "+edgeDialV4+"' >> /etc/resolv.conf") // where nobody answers questions
	asked := l.capture("connector", "eth0")
	roles := []*process{
		l.start("connector", "oneping", "connector", "run", "--token-file", "connector.token"),
		l.start("laptop", "oneping", "client", "up", "--token-file", "laptop.token"),
	}
	l.poll("the name is asked for again and again", 30*time.Second, func() bool {
		n := 0
		for _, p := range asked.packets() {
			if p.out && p.Class == packet.ClassUDP && p.DstPort == 53 {
				n++
			}
		}
		return n >= 12
	})
	for _, p := range roles {
		text := p.output().stderr
		lines := 0
		for line := range strings.Lines(text) {
			if strings.Contains(line, "cannot enrol yet") {
				lines++
				if !strings.Contains(line, `"hint":"is the name service of this machine reachable (/etc/resolv.conf)?`) {
					t.Errorf("no hint: %s", line)
				}
			}
		}
		if lines != 1 {
			t.Errorf("%s: %d lines, want 1\n%s", p.what, lines, text)
		}
	}
}
