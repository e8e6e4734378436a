package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/edge/route"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// fakeLink records what the relay does with a link.
type fakeLink struct {
	sent    [][]byte
	classes []link.Class
	owners  []link.Owner
	control []*proto.Control
	max     int
	settled bool
	code    proto.Code
	closed  bool
	drop    bool // do not record: for benchmarks
	room    int  // control messages that fit; 0 = all, below 0 none

	noFlows bool        // no stream can be opened
	leaves  bool        // the peer ends each flow before it answers
	flow    *fakeStream // the newest
	flowTTL uint8       // with which it came, where it was answered
	asked   func()      // called when the size of datagrams is asked for
}

func (f *fakeLink) Send(c link.Class, d []byte) packet.Reason { return f.SendFor(0, c, d) }

func (f *fakeLink) SendFor(o link.Owner, c link.Class, d []byte) packet.Reason {
	if !f.drop {
		f.sent = append(f.sent, slices.Clone(d))
		f.classes, f.owners = append(f.classes, c), append(f.owners, o)
	}
	return packet.OK
}

func (f *fakeLink) SendControl(m *proto.Control) error {
	if f.room < 0 || f.room > 0 && len(f.control) >= f.room {
		return link.ErrQueueFull
	}
	f.control = append(f.control, m)
	return nil
}

func (f *fakeLink) MaxDatagram() (int, bool) {
	if f.asked != nil {
		f.asked()
	}
	return f.max, f.settled
}

func (f *fakeLink) OpenFlow(_ context.Context, h *proto.FlowHeader) (Stream, error) {
	switch {
	case f.noFlows:
		return nil, errors.New("no streams on this link")
	case f.leaves:
		f.flow = &fakeStream{}
	default:
		f.flow, f.flowTTL = answering(), h.TTL
	}
	return f.flow, nil
}

func (f *fakeLink) Close(code proto.Code, _ string) error {
	f.closed, f.code = true, code
	return nil
}

// take returns the only datagram sent since the last take; nil for none.
func (f *fakeLink) take(t *testing.T) []byte {
	t.Helper()
	if len(f.sent) > 1 {
		t.Fatalf("%d datagrams were sent, want at most one", len(f.sent))
	}
	if len(f.sent) == 0 {
		return nil
	}
	d := f.sent[0]
	f.sent, f.classes, f.owners = nil, nil, nil
	return d
}

var (
	hop4    = netip.MustParseAddr("172.68.101.57")
	hop6    = netip.MustParseAddr("fd68:101::57")
	alice4  = netip.MustParseAddr("100.96.0.1")
	alice6  = netip.MustParseAddr("fd00:96::1")
	mallory = netip.MustParseAddr("100.96.0.2")
	server4 = netip.MustParseAddr("172.16.10.120")
	server6 = netip.MustParseAddr("fd10::120")
	router4 = netip.MustParseAddr("10.1.1.1")
	router6 = netip.MustParseAddr("fd99::1")
	other4  = netip.MustParseAddr("172.16.20.1")  // granted, routed, no connector
	lost4   = netip.MustParseAddr("172.16.30.1")  // granted, no route
	denied4 = netip.MustParseAddr("172.16.10.99") // not granted
	other6  = netip.MustParseAddr("fd20::1")
	lost6   = netip.MustParseAddr("fd30::1")
	denied6 = netip.MustParseAddr("fd10::99")
)

// world is a relay with alice, mallory and one connector, whose links are fake.
type world struct {
	r              *Relay
	alice, mallory *DeviceAttachment
	home           *ConnectorAttachment
	aliceLink      *fakeLink
	malloryLink    *fakeLink
	homeLink       *fakeLink
	routes         []model.Route
	policy         model.Policy
	more           []Device // beside alice's and mallory's
}

func newWorld(t testing.TB, cfg Config) *world {
	t.Helper()
	if cfg.Hops == nil {
		cfg.Hops = []netip.Addr{hop4, hop6}
	}
	w := &world{
		r: New(cfg), aliceLink: &fakeLink{max: 1400, settled: true}, malloryLink: &fakeLink{max: 1400, settled: true}, homeLink: &fakeLink{max: 1400, settled: true},
		routes: []model.Route{
			{Prefix: netip.MustParsePrefix("172.16.10.0/24"), Tunnel: "t-home"},
			{Prefix: netip.MustParsePrefix("fd10::/64"), Tunnel: "t-home"},
			{Prefix: netip.MustParsePrefix("172.16.20.0/24"), Tunnel: "t-empty"},
			{Prefix: netip.MustParsePrefix("fd20::/64"), Tunnel: "t-empty"},
		},
		policy: model.Policy{Grants: []model.Grant{{
			ID: "alice", Who: []string{"alice@example.com"},
			To:  []string{"172.16.10.0/26", "172.16.10.112/28", "172.16.20.0/24", "172.16.30.0/24", "fd10::120/124", "fd20::/64", "fd30::/64"},
			How: []string{"icmp", "udp:53", "udp:5000-6000", "tcp:22"},
		}}},
	}
	w.setState(t)
	var err error
	if w.alice, err = w.r.AttachDevice("d-alice", w.aliceLink); err != nil {
		t.Fatal(err)
	}
	if w.mallory, err = w.r.AttachDevice("d-mallory", w.malloryLink); err != nil {
		t.Fatal(err)
	}
	if w.home, err = w.r.AttachConnector("r-home", w.homeLink); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) setState(t testing.TB, gone ...string) {
	t.Helper()
	p, err := policy.Compile(w.policy, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := State{
		FIB: route.Compile(w.routes), Policy: p,
		Devices: []Device{
			{ID: "d-alice", User: "alice@example.com", Addrs: []netip.Addr{alice4, alice6}},
			{ID: "d-mallory", User: "mallory@example.com", Addrs: []netip.Addr{mallory}},
		},
		Connectors: []Connector{{ID: "r-home", Tunnel: "t-home"}},
	}
	s.Devices = append(s.Devices, w.more...)
	s.Devices = slices.DeleteFunc(s.Devices, func(d Device) bool { return slices.Contains(gone, d.ID) })
	s.Connectors = slices.DeleteFunc(s.Connectors, func(r Connector) bool { return slices.Contains(gone, r.ID) })
	w.r.SetState(s)
}

// ask sends echo requests of alice to the connector, with a TTL that suffices.
func (w *world) ask(t *testing.T, requests ...[]byte) {
	t.Helper()
	for _, d := range requests {
		d = slices.Clone(d)
		if d[1]>>4 == 4 {
			d[1+8], d[1+10], d[1+11] = 9, 0, 0
			binary.BigEndian.PutUint16(d[1+10:], packet.Checksum(d[1:21], 0))
		} else {
			d[1+7] = 9
		}
		if r := w.alice.Datagram(d); r != packet.OK || w.homeLink.take(t) == nil {
			t.Fatalf("ask: %v", r)
		}
	}
}

// echo returns the datagram of an echo packet.
func echo(e packet.Echo) []byte { return packet.AppendEcho([]byte{byte(proto.TypePacket)}, &e) }

// wrongOption returns the datagram of an echo request with an option that its first router refuses:
// byte 20 of IPv4, which is longer than the header, or byte 42 of IPv6, which nobody knows.
func wrongOption(e packet.Echo) []byte {
	b := packet.AppendEcho(nil, &e)
	if e.Dst.Is6() {
		b = slices.Insert(b, 40, b[6], 0, 0x9e, 4, 1, 2, 3, 4)
		b[5], b[6] = b[5]+8, 0
	} else {
		b = slices.Insert(b, 20, 30, 9, 0, 0)
		b[0], b[3], b[10], b[11] = 0x46, b[3]+4, 0, 0
		binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:24], 0))
	}
	return append([]byte{byte(proto.TypePacket)}, b...)
}

// withProtocol changes the protocol of the packet in a datagram.
func withProtocol(d []byte, proto byte) []byte {
	if b := d[1:]; b[0]>>4 == 6 {
		b[6] = proto
	} else {
		b[9], b[10], b[11] = proto, 0, 0
		binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:20], 0))
	}
	return d
}

// icmpError returns the datagram of an ICMP error from src about the packet in the datagram about.
func icmpError(t testing.TB, e packet.Error, about []byte) []byte {
	t.Helper()
	var p packet.Packet
	if r := packet.Parse(about[1:], &p); r != packet.OK && r != packet.BadOption {
		t.Fatalf("parse: %v", r)
	}
	d, ok := packet.AppendError([]byte{byte(proto.TypePacket)}, e, &p)
	if !ok {
		t.Fatal("no error may be made about this packet")
	}
	return d
}
