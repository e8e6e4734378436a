package packet

import (
	"encoding/binary"
	"testing"
	"time"
)

// A timestamp is answered with the time in which it came, of the day, in UT (RFC 792); an echo with the
// code that it had.
func TestAppendQueryReply(t *testing.T) {
	now := time.Date(2026, 11, 27, 13, 0, 1, 5e6, time.FixedZone("", 3600)) // 12:00:01.005 UT
	ask := mustParse(t, AppendEcho(nil, &Echo{
		Src: laptop4, Dst: edge4, Ident: 7, Seq: 9, TOS: 0x20, Timestamp: true, Payload: []byte{1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0},
	}))
	b, ok := AppendQueryReply([]byte{1}, ask, func() time.Time { return now })
	p := mustParse(t, b[1:])
	got := p.Payload()
	const want = (12*3600+1)*1000 + 5
	if !ok || !ask.IsTimestamp() || p.Type != TypeTimestampReply || p.Src != edge4 || p.Dst != laptop4 || p.Ident != 7 || p.Seq != 9 || p.TOS != 0x20 || p.TTL != 64 ||
		len(got) != 12 || binary.BigEndian.Uint32(got) != 0x01020304 || binary.BigEndian.Uint32(got[4:]) != want || binary.BigEndian.Uint32(got[8:]) != want || !p.TransportOK() {
		t.Errorf("%+v, times %x", p, got)
	}
	short := mustParse(t, AppendEcho(nil, &Echo{Src: laptop4, Dst: edge4, Timestamp: true, Payload: make([]byte, 11)}))
	if b, ok := AppendQueryReply([]byte{1}, short, func() time.Time { return now }); ok || len(b) != 1 {
		t.Errorf("a timestamp that is too short was answered: %x", b)
	}
	for _, e := range []Echo{{Src: laptop4, Dst: edge4}, {Src: laptop6, Dst: edge6}} {
		e.Code, e.Payload = 9, []byte("x")
		b, ok := AppendQueryReply(nil, mustParse(t, AppendEcho(nil, &e)), func() time.Time { return now })
		p := mustParse(t, b)
		if !ok || !p.IsEchoReply() || p.Code != 9 || p.Dst != e.Src || string(p.Payload()) != "x" || !p.TransportOK() {
			t.Errorf("%+v", p)
		}
	}
	if _, ok := AppendQueryReply(nil, mustParse(t, udp4(0)), func() time.Time { return now }); ok {
		t.Error("a datagram was answered")
	}
}
