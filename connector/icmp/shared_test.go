package icmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

// fakeSocket records what is written.
type fakeSocket struct {
	wrote  []byte
	to     Header
	fails  packet.Verdict
	closed bool
}

func (f *fakeSocket) write(icmp, _ []byte, to Header) packet.Verdict {
	f.wrote, f.to = append([]byte(nil), icmp...), to
	return f.fails
}

func (f *fakeSocket) read(ctx context.Context, _ *NAT) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func (f *fakeSocket) alone(uint16) bool { return false }

func (f *fakeSocket) close() { f.closed = true }

// sharedBench is a NAT over the table strategy.
func sharedBench(t *testing.T, v6 socket) (*bench, *fakeSocket) {
	v4 := &fakeSocket{}
	return benchOver(t, newShared(Raw, v4, v6), Config{}), v4
}

func TestSharedWritesItsOwnIdentifier(t *testing.T) {
	b, v4 := sharedBench(t, nil)
	for i, src := range []netip.Addr{alice4, bob4} {
		p := echoOf(t, packet.Echo{Src: src, Dst: server4, Ident: 7, Seq: 3, TOS: 0x48, DF: i == 1, Payload: []byte("hello")})
		if v := b.Send(&p, uint8(40+i)); v.Reason != packet.OK {
			t.Fatal(v)
		}
		ident := binary.BigEndian.Uint16(v4.wrote[4:])
		if (ident == 7) != (i == 0) {
			t.Errorf("client %d: identifier %d", i, ident)
		}
		if packet.Checksum(v4.wrote, 0) != 0 {
			t.Errorf("client %d: checksum of %x", i, v4.wrote)
		}
		if want := (Header{Dst: server4, TTL: uint8(40 + i), TOS: 0x48, DF: i == 1}); v4.to != want {
			t.Errorf("client %d: sent %+v, want %+v", i, v4.to, want)
		}
	}
}

func TestSharedWithoutIPv6(t *testing.T) {
	b, _ := sharedBench(t, nil)
	p := echoOf(t, packet.Echo{Src: alice6, Dst: server6, Ident: 7})
	if v := b.Send(&p, 9); v.Reason != packet.ICMPOff {
		t.Errorf("got %v", v)
	}
}

func TestSharedRunsAndCloses(t *testing.T) {
	v6 := &fakeSocket{}
	b, v4 := sharedBench(t, v6)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	if !v4.closed || !v6.closed {
		t.Error("a socket is still open")
	}
}

func TestIncoming4(t *testing.T) {
	b, v4 := sharedBench(t, nil)
	p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 3, Payload: []byte("hello")})
	b.Send(&p, 9)
	reply := packet.AppendEcho(nil, &packet.Echo{Src: server4, Dst: self4, Ident: 7, Seq: 3, TTL: 60, TOS: 0x48, Reply: true, Payload: []byte("hello")})
	binary.LittleEndian.PutUint16(reply[2:], uint16(len(reply)-20)) // as macOS delivers it
	for at := 20; at < len(reply); at++ {                           // damaged on its way
		reply[at] ^= 0x10
		b.incoming4(reply)
		reply[at] ^= 0x10
	}
	if len(b.back) != 0 {
		t.Errorf("%d damaged replies went on", len(b.back))
	}
	b.incoming4(reply)
	if got := b.took(); got.TTL != 59 || got.TOS != 0x48 || got.Dst != alice4 || string(got.Payload()) != "hello" {
		t.Errorf("reply %+v", got)
	}

	sent := packet.AppendEcho(nil, &packet.Echo{Src: self4, Dst: server4, Ident: 7, Seq: 3, TTL: 1, Payload: []byte("hello")})
	copy(sent[20:], v4.wrote)
	var q packet.Packet
	if r := packet.Parse(sent, &q); r != packet.OK {
		t.Fatal(r)
	}
	exceeded, ok := packet.AppendError(nil, packet.Error{Src: router4, Type: packet.TypeTimeExceeded, TTL: 63}, &q)
	if !ok {
		t.Fatal("no error")
	}
	b.incoming4(exceeded)
	got := b.took()
	p.SetTTL(1)
	if got.Src != router4 || got.Type != packet.TypeTimeExceeded || got.TTL != 62 || !bytes.Equal(got.Transport()[8:], p.Raw) {
		t.Errorf("error %+v\nquotes %x\nwant   %x", got, got.Transport()[8:], p.Raw)
	}
}

func TestIncomingOfOthers(t *testing.T) { // another program's ping on this host is none of our business
	b, _ := sharedBench(t, nil)
	b.incoming4(packet.AppendEcho(nil, &packet.Echo{Src: server4, Dst: self4, Ident: 99, Reply: true}))
	b.incoming4(packet.AppendUDP(nil, &packet.UDPPacket{Src: netip.AddrPortFrom(server4, 1), Dst: netip.AddrPortFrom(self4, 2)}))
	if len(b.back) != 0 || len(b.counters.Snapshot()) != 0 {
		t.Errorf("%d delivered, counted %v", len(b.back), b.counters.Snapshot())
	}
}

func TestIncoming6(t *testing.T) {
	b, _ := sharedBench(t, &fakeSocket{})
	p := echoOf(t, packet.Echo{Src: alice6, Dst: server6, Ident: 7, Seq: 3})
	b.Send(&p, 9)
	tooBig, _ := packet.AppendError(nil, packet.Error{Src: router6, Type: packet.Type6TooBig, MTU: 1300}, &p)
	b.Incoming(tooBig[40:], Message{From: router6, TTL: 64})
	if got := b.took(); got.MTU() != 1300 || got.TTL != 63 || got.Dst != alice6 {
		t.Errorf("too big %+v", got)
	}
	pointer, _ := packet.AppendError(nil, packet.Error{Src: router6, Type: packet.Type6ParamProblem, Pointer: 40}, &p)
	b.Incoming(pointer[40:], Message{From: router6, TTL: 64})
	if got := b.took(); got.Transport()[7] != 40 {
		t.Errorf("parameter problem %x", got.Transport()[:8])
	}
}

func FuzzIncoming(f *testing.F) {
	p := packet.AppendEcho(nil, &packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 3, TTL: 1, Payload: []byte("hello")})
	var q packet.Packet
	packet.Parse(p, &q)
	exceeded, _ := packet.AppendError(nil, packet.Error{Src: router4, Type: packet.TypeTimeExceeded}, &q)
	reply := packet.AppendEcho(nil, &packet.Echo{Src: server4, Dst: self4, Ident: 7, Seq: 3, Reply: true, Payload: []byte("hello")})
	for _, good := range [][]byte{exceeded, reply} {
		for n := range len(good) + 1 {
			f.Add(good[:n])
		}
	}
	b := benchOver(nil, newShared(Raw, &fakeSocket{}, &fakeSocket{}), Config{})
	f.Fuzz(func(_ *testing.T, in []byte) {
		b.back = nil
		fresh := q
		fresh.Raw = append([]byte(nil), q.Raw...)
		b.Send(&fresh, 9)
		b.incoming4(in)
		b.Incoming(in, Message{From: router4, TTL: 64})
		b.Incoming(in, Message{From: router6, TTL: 64})
		for _, d := range b.back {
			var p packet.Packet
			if r := packet.Parse(d[1:], &p); r != packet.OK && r != packet.Multicast {
				panic(r.String())
			}
		}
	})
}
