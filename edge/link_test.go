package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/flow/flowtest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/local"
	onode "github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const patience = 10 * time.Second

// peerNode is an enrolled client or connector that is only a link.
type peerNode struct {
	t         *testing.T
	l         *link.Link
	welcome   proto.Welcome
	control   chan proto.Control
	datagrams chan []byte
	flows     chan func(*link.Stream, *proto.FlowHeader) // how the next flow is served
	ended     chan error
}

// enrol makes a node of role with a token.
func enrol(t *testing.T, role proto.Role, token string) *onode.Node {
	t.Helper()
	tok, err := proto.ParseToken(token)
	if err != nil {
		t.Fatal(err)
	}
	n := onode.New(onode.Config{
		Role: role, StateDir: t.TempDir(), Version: "test", Log: zaptest.NewLogger(t),
		TokenSource: func(context.Context) (proto.Token, bool, error) { return tok, true, nil },
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := n.Enrol(ctx); err != nil {
		t.Fatal(err)
	}
	return n
}

// connect dials, says hello and waits for the welcome.
func connect(t *testing.T, n *onode.Node) *peerNode {
	t.Helper()
	p := dial(t, n, &proto.Hello{Version: "test", Hostname: "host", Facts: proto.Facts{ICMP: "ping"}})
	p.welcomed()
	return p
}

// dial dials and says hello.
func dial(t *testing.T, n *onode.Node, h *proto.Hello) *peerNode {
	t.Helper()
	cfg, err := n.TLS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l, err := path.Dial(t.Context(), n.Edges()[0], path.Config{TLS: cfg, Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	p := &peerNode{t: t, l: l, control: make(chan proto.Control, 64), datagrams: make(chan []byte, 64), flows: make(chan func(*link.Stream, *proto.FlowHeader), 4), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { p.ended <- l.Run(ctx, link.Handler{Datagram: p.datagram, Control: p.message, Flow: p.flow}) }()
	t.Cleanup(cancel)
	if err := l.SendControl(&proto.Control{Hello: h}); err != nil {
		t.Fatal(err)
	}
	return p
}

// welcomed waits for the welcome.
func (p *peerNode) welcomed() {
	p.t.Helper()
	w := p.message1()
	if w.Welcome == nil {
		p.t.Fatalf("first message %+v, want welcome", w)
	}
	p.welcome = *w.Welcome
}

func (p *peerNode) datagram(_ *link.Link, d []byte) packet.Reason {
	p.datagrams <- slices.Clone(d)
	return packet.OK
}

func (p *peerNode) message(_ *link.Link, m proto.Control) error {
	p.control <- m
	return nil
}

func (p *peerNode) flow(_ context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
	if h.TTL != 63 {
		p.t.Errorf("flow arrived with TTL %d, want 63", h.TTL)
	}
	(<-p.flows)(s, &h)
}

func (p *peerNode) message1() proto.Control {
	p.t.Helper()
	select {
	case m := <-p.control:
		return m
	case err := <-p.ended:
		p.t.Fatalf("link ended: %v", err)
	case <-time.After(patience):
		p.t.Fatal("no control message")
	}
	return proto.Control{}
}

func (p *peerNode) datagram1() []byte {
	p.t.Helper()
	select {
	case d := <-p.datagrams:
		return d
	case <-time.After(patience):
		p.t.Fatal("no datagram")
	}
	return nil
}

// closedWith waits for the link to end with a code.
func (p *peerNode) closedWith(code proto.Code, within time.Duration) {
	p.t.Helper()
	select {
	case err := <-p.ended:
		if ce, ok := errors.AsType[*link.CloseError](err); !ok || ce.Code != code || !ce.Remote {
			p.t.Errorf("link ended with %v, want %v", err, code)
		}
	case <-time.After(within):
		p.t.Errorf("the link lives on %s later", within)
	}
}

// site is an edge with one tunnel, one connector and alice's client.
type site struct {
	t         *testing.T
	e         *Edge
	admin     *admin.Client
	connector *peerNode
	client    *peerNode
	addr      netip.Addr
	device    string
}

// token makes a device token for a user.
func (s *site) token(user string) string {
	s.t.Helper()
	tok, err := s.admin.DeviceToken(s.t.Context(), user, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return tok.Token
}

// route routes a prefix to the tunnel home.
func (s *site) route(prefix string) {
	s.t.Helper()
	if _, err := s.admin.AddRoute(s.t.Context(), prefix, "home", true); err != nil {
		s.t.Fatal(err)
	}
}

// revoke shuts alice's device out.
func (s *site) revoke() {
	s.t.Helper()
	if _, err := s.admin.RevokeDevice(s.t.Context(), s.device); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) apply(policy string) {
	s.t.Helper()
	if _, err := s.admin.ApplyPolicy(s.t.Context(), policy); err != nil {
		s.t.Fatal(err)
	}
}

const allowAlice = `
grants:
  - {id: alice, who: [alice], to: ["tunnel:home"], how: [icmp, "tcp:22"]}
`

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, admin: admin.NewClient(filepath.Join(dir, local.SocketName))}
	s.e = startEdge(t, Config{StateDir: dir, Version: "test", Hops: []netip.Addr{netip.MustParseAddr("172.68.101.57"), netip.MustParseAddr("fd99::1")}})
	if _, err := s.admin.CreateTunnel(t.Context(), "home", 0); err != nil {
		t.Fatal(err)
	}
	s.route("172.16.10.0/24")
	s.apply(allowAlice)
	tok, err := s.admin.TunnelToken(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	s.connector = connect(t, enrol(t, proto.RoleConnector, tok.Token))
	s.client = connect(t, enrol(t, proto.RoleClient, s.token("alice")))
	s.addr, s.device = s.client.welcome.Addrs[0], s.client.welcome.Device
	return s
}

func TestWelcome(t *testing.T) {
	s := newSite(t)
	w := s.client.welcome
	want := []netip.Prefix{netip.MustParsePrefix("172.16.10.0/24"), netip.MustParsePrefix("172.68.101.57/32"), netip.MustParsePrefix("fd99::1/128")}
	if w.User != "alice" || !slices.Equal(w.Capture, want) || len(w.Addrs) != 2 || w.Edge == "" {
		t.Errorf("client was told %+v", w)
	}
	if c := s.connector.welcome; c.Tunnel != "home" || len(c.Capture) != 0 || len(c.Addrs) != 0 {
		t.Errorf("connector was told %+v", c)
	}
	s.route("10.9.0.0/16")
	c := s.client.message1().Config
	if c == nil || len(c.Capture) != 4 || c.Capture[0] != netip.MustParsePrefix("10.9.0.0/16") {
		t.Errorf("after a new route the client was told %+v", c)
	}
	if err := s.client.l.SendControl(&proto.Control{Applied: &proto.Applied{Number: c.Number, Error: "no\x1b[31m room"}}); err != nil {
		t.Fatal(err)
	}
	for now := new(proto.Progress); now.Applied == 0; now = s.e.Status().Devices[0].Configuration {
		<-time.After(time.Millisecond) // the answer is on its way
	}
	if got := s.e.Status().Devices[0].Configuration.String(); got != "configuration 2 of 2 (no[31m room)" {
		t.Errorf("the client has %s", got)
	}
	s.route("10.8.0.0/16")
	if c = s.client.message1().Config; c == nil || c.Base != 2 || c.Number != 3 || !slices.Equal(c.Capture, []netip.Prefix{netip.MustParsePrefix("10.8.0.0/16")}) {
		t.Errorf("after one more, which is a change now, it was told %+v", c)
	}
	st := s.e.Status()
	if len(st.Devices) != 1 || st.Devices[0].ID != s.device || len(st.Tunnels) != 1 || len(st.Tunnels[0].Connectors) != 1 || st.Tunnels[0].Connectors[0].ICMP != "ping" {
		t.Errorf("status %+v", st)
	}
}

func TestEchoThrough(t *testing.T) {
	s := newSite(t)
	server := netip.MustParseAddr("172.16.10.120")
	ask := packet.AppendEcho([]byte{1}, &packet.Echo{Src: s.addr, Dst: server, Ident: 7, Seq: 1, TTL: 9, Payload: make([]byte, 8000)})
	if r := s.client.l.Send(link.Urgent, ask); r != packet.OK {
		t.Fatal(r)
	}
	var p packet.Packet
	if r := packet.Parse(s.connector.datagram1()[1:], &p); r != packet.OK || p.TTL != 8 || p.Src != s.addr || len(p.Payload()) != 8000 {
		t.Fatalf("%v: the connector received %v → %v, TTL %d", r, p.Src, p.Dst, p.TTL)
	}
	if r := s.connector.l.Send(link.Urgent, packet.AppendEchoReply([]byte{1}, &p)); r != packet.OK {
		t.Fatal(r)
	}
	if r := packet.Parse(s.client.datagram1()[1:], &p); r != packet.OK || p.TTL != 63 || p.Src != server || !p.IsEchoReply() || !p.TransportOK() {
		t.Fatalf("%v: the client received %v → %v, TTL %d", r, p.Src, p.Dst, p.TTL)
	}
}

func (s *site) open(port uint16, ttl uint8) *flow.Flow {
	s.t.Helper()
	h := &proto.FlowHeader{
		Flow: proto.NewFlowID(), Src: netip.AddrPortFrom(s.addr, 1234), Dst: netip.AddrPortFrom(netip.MustParseAddr("172.16.10.120"), port), TTL: ttl,
	}
	st, err := s.client.l.OpenFlow(s.t.Context(), h)
	if err != nil {
		s.t.Fatal(err)
	}
	return flow.New(st, h, nil)
}

func (s *site) await(f *flow.Flow) proto.FlowAnswer {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	a, err := f.Await(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// TestFlowThrough carries bytes both ways and a half-close; then refusals.
func TestFlowThrough(t *testing.T) {
	s := newSite(t)
	echoed := make(chan error, 1)
	s.connector.flows <- func(s *link.Stream, h *proto.FlowHeader) {
		f := flow.New(s, h, nil)
		if err := f.Answer(proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 62}); err != nil {
			echoed <- err
			return
		}
		pumped := make(chan error, 1)
		origin := flowtest.Attach(t.Context(), f, pumped)
		b, err := io.ReadAll(origin)
		if err == nil {
			_, err = origin.Write(b)
		}
		echoed <- errors.Join(err, origin.CloseWrite(), <-pumped)
	}
	f := s.open(22, 64)
	if a := s.await(f); a.Kind != proto.AnswerConnected || a.TTL != 61 {
		t.Fatalf("answer %+v, want connected with TTL 61", a)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	app := flowtest.Attach(t.Context(), f, nil)
	go func() {
		_, _ = app.Write(data)
		_ = app.CloseWrite()
	}()
	got, err := io.ReadAll(app)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d of %d bytes came back: %v", len(got), len(data), err)
	}
	if err := <-echoed; err != nil {
		t.Fatal(err)
	}

	s.connector.flows <- func(s *link.Stream, h *proto.FlowHeader) {
		flow.Refuse(s, proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 1, TTL: 60, Reporter: netip.MustParseAddr("172.16.10.1"), QuotedTTL: 62})
	}
	if a := s.await(s.open(22, 64)); a.Kind != proto.AnswerICMP || a.TTL != 59 || a.ICMPCode != 1 || a.Reporter.String() != "172.16.10.1" {
		t.Errorf("a router's error came as %+v", a)
	}
	if a := s.await(s.open(22, 1)); a.Kind != proto.AnswerICMP || a.ICMPType != 11 || a.Reporter.String() != "172.68.101.57" || a.QuotedTTL != 1 {
		t.Errorf("TTL 1: %+v", a)
	}
	a := s.await(s.open(25, 64))
	if a.Kind != proto.AnswerICMP || a.ICMPType != 3 || a.ICMPCode != 13 || a.Decision == 0 {
		t.Errorf("denied: %+v", a)
	}
	ex, err := s.admin.ExplainDecision(t.Context(), a.Decision.String())
	if err != nil {
		t.Fatal(err)
	}
	if ex.Target != "tcp 172.16.10.120:25" || ex.Principal.User != "alice" || len(ex.Grants) != 1 || ex.Grants[0].Why != "how: tcp:25 is not among icmp, tcp:22" {
		t.Errorf("explained as %+v", ex)
	}
}

// TestAFlowWhoseConnectorLeaves is given back without an answer: silence would
// keep the client from asking again with the application's next SYN.
func TestAFlowWhoseConnectorLeaves(t *testing.T) {
	s := newSite(t)
	s.connector.flows <- func(*link.Stream, *proto.FlowHeader) { _ = s.connector.l.Close(proto.CodeOK, "leaving") }
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if a, err := s.open(22, 64).Await(ctx); !hasCode(err, proto.CodeLinkDown) {
		t.Errorf("answer %+v, %v; want the flow reset: link down", a, err)
	}
}

// TestPolicyChangeEndsFlows: what lives is looked at once.
func TestPolicyChangeEndsFlows(t *testing.T) {
	s := newSite(t)
	far := make(chan error, 1)
	s.connector.flows <- func(s *link.Stream, h *proto.FlowHeader) {
		f := flow.New(s, h, nil)
		_ = f.Answer(proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 62})
		flowtest.Attach(t.Context(), f, far)
	}
	f := s.open(22, 64)
	if a := s.await(f); a.Kind != proto.AnswerConnected {
		t.Fatalf("answer %+v", a)
	}
	near := make(chan error, 1)
	flowtest.Attach(t.Context(), f, near)
	s.apply("grants: []")
	if err := <-near; !hasCode(err, proto.CodeDenied) {
		t.Errorf("the client's end: %v, want denied", err)
	}
	if err := <-far; !hasCode(err, proto.CodeDenied) {
		t.Errorf("the connector's end: %v, want denied", err)
	}
}

func hasCode(err error, want proto.Code) bool {
	code, ok := link.ResetCode(err)
	return ok && code == want
}

func TestRevokedDeviceIsCutOff(t *testing.T) {
	s := newSite(t)
	s.revoke()
	s.client.closedWith(proto.CodeRevoked, time.Second)
}

func TestNewerLinkReplaces(t *testing.T) {
	s := newSite(t)
	n := enrol(t, proto.RoleClient, s.token("bob"))
	first, second := connect(t, n), connect(t, n)
	first.closedWith(proto.CodeReplaced, patience)
	ask := packet.AppendEcho([]byte{1}, &packet.Echo{Src: second.welcome.Addrs[0], Dst: netip.MustParseAddr("172.68.101.57"), TTL: 1})
	second.l.Send(link.Urgent, ask)
	var p packet.Packet
	if r := packet.Parse(second.datagram1()[1:], &p); r != packet.OK || !p.IsEchoReply() || p.TTL != 64 {
		t.Errorf("the hop answered %v with TTL %d", r, p.TTL)
	}
}

func TestRenewal(t *testing.T) {
	s := newSite(t)
	n := enrol(t, proto.RoleClient, s.token("bob"))
	p := connect(t, n)
	req, err := n.Request(time.Now().Add(4 * 24 * time.Hour)) // past half of its life
	if err != nil || req == nil {
		t.Fatalf("request %v: %v", req, err)
	}
	for i := range requestBurst + 1 {
		if err := p.l.SendControl(&proto.Control{Renew: req}); err != nil {
			t.Fatal(err)
		}
		r := p.message1().Renewed
		if r == nil || (r.Error == "") != (i < requestBurst) {
			t.Fatalf("renewal %d: %+v", i, r)
		}
		if i == 0 {
			if err := n.Renewed(*r); err != nil {
				t.Error(err)
			}
		}
	}
}
