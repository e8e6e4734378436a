package path

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// tcpBed does what the loops do, and answers flow openings in place of the edge.
type tcpBed struct {
	t      *testing.T
	ctx    context.Context
	table  *heldSYNs
	stop   context.CancelFunc
	opens  chan *opening
	back   [][]byte
	denied []proto.Denial
	counts packet.Counters
}

// opening is a flow that waits for its answer.
type opening struct {
	held    *heldSYN
	header  proto.FlowHeader
	ctx     context.Context
	dropped bool
	syn     []byte // handed to the stack
}

func newTCPBed(t *testing.T) *tcpBed {
	ctx, stop := context.WithCancel(t.Context())
	b := &tcpBed{t: t, ctx: ctx, stop: stop, opens: make(chan *opening, 100), table: newHeldSYNs(8)}
	t.Cleanup(func() { stop(); b.table.close() })
	return b
}

// send does with a segment what fromHost does.
func (b *tcpBed) send(raw []byte) (packet.Reason, bool) {
	b.t.Helper()
	d := b.table.out(mustParseLoose(b.t, raw), time.Now(), true)
	b.counts.Count(d.also)
	if d.open != nil {
		b.table.start(b.ctx, d.open, func(ctx context.Context, h *heldSYN) {
			b.opens <- &opening{held: h, header: h.header, ctx: ctx}
			<-ctx.Done()
		})
	}
	return d.reason, d.local() != nil
}

// held sends a segment that must be held.
func (b *tcpBed) held(raw []byte) {
	b.t.Helper()
	if r, local := b.send(raw); r != packet.OK || local {
		b.t.Fatalf("%s, local %v; want held", r, local)
	}
	synctest.Wait()
}

func (b *tcpBed) opening() *opening {
	b.t.Helper()
	synctest.Wait()
	select {
	case o := <-b.opens:
		return o
	default:
		b.t.Fatal("no flow was opened")
		return nil
	}
}

func (b *tcpBed) noOpening() {
	b.t.Helper()
	synctest.Wait()
	if len(b.opens) != 0 {
		b.t.Fatal("another flow was opened")
	}
}

// reply does with an answer what runOpening does.
func (b *tcpBed) reply(o *opening, a proto.FlowAnswer) {
	d, syn := b.table.conclude(o.held, nil, &a, time.Now(), upView(0))
	b.counts.Count(d.reason)
	if d.back() != nil {
		b.back = append(b.back, bytes.Clone(d.back()))
	}
	if d.denial != nil {
		b.denied = append(b.denied, *d.denial)
	}
	o.syn, o.dropped = bytes.Clone(syn), syn == nil
}

// fail is reply where there is no answer.
func (b *tcpBed) fail(o *opening, err error) { b.counts.Count(b.table.failed(o.held, err)) }

// finish ends both sides of a connection.
func (b *tcpBed) finish(o *opening) { b.table.ended(o.held, time.Now()) }

// mustParseLoose parses a segment whose checksum nobody looks at.
func mustParseLoose(t testing.TB, raw []byte) *packet.Packet {
	t.Helper()
	var p packet.Packet
	if r := packet.Parse(raw, &p); r != packet.OK {
		t.Fatalf("parse: %s", r)
	}
	return &p
}

func TestNewestSYNGoesIn(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newTCPBed(t)
			b.held(synPacket(t, v6, 1000, 111, 3))
			o := b.opening()
			src, dst := ends(v6)
			if o.header.Src != netip.AddrPortFrom(src, 1000) || o.header.Dst != netip.AddrPortFrom(dst, 80) || o.header.TTL != 3 || o.header.Offset != 0 {
				t.Errorf("header %+v", o.header)
			}
			time.Sleep(time.Second)
			b.held(synPacket(t, v6, 1000, 111, 3)) // retransmitted
			newest := synPacket(t, v6, 1000, 222, 3)
			b.held(newest) // the application tried again
			b.noOpening()  // one flow for each tuple
			b.reply(o, proto.FlowAnswer{Kind: proto.AnswerConnected})
			if !bytes.Equal(o.syn, newest) || o.dropped {
				t.Errorf("handed over %x, dropped %v", o.syn, o.dropped)
			}
			if held, live := b.table.counts(); held != 0 || live != 1 {
				t.Errorf("%d held, %d live", held, live)
			}
			// From now on the netstack answers for this tuple, copies of the SYN included.
			for _, raw := range [][]byte{newest, segment(t, v6, 1000, 223, 3, packet.FlagACK)} {
				if r, local := b.send(raw); r != packet.OK || !local {
					t.Errorf("%s, local %v", r, local)
				}
			}
			b.finish(o)
			if _, live := b.table.counts(); live != 0 {
				t.Error("still live")
			}
			b.held(synPacket(t, v6, 1000, 333, 3))
			b.opening()
		})
	}
}

func TestRefusedIsRST(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newTCPBed(t)
			syn := synPacket(t, v6, 1000, 111, 64)
			b.held(syn)
			o := b.opening()
			b.reply(o, proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: 62})
			if len(b.back) != 1 || !o.dropped {
				t.Fatalf("%d answers, dropped %v", len(b.back), o.dropped)
			}
			p := mustParse(t, b.back[0])
			want, _ := packet.AppendRST(nil, mustParseLoose(t, syn), 62)
			if !bytes.Equal(b.back[0], want) || p.TTL != 62 || p.TCPFlags() != packet.FlagRST|packet.FlagACK {
				t.Errorf("got %x\nwant %x", b.back[0], want)
			}
			if b.counts.Get(packet.Refused) != 1 {
				t.Error("not counted")
			}
			b.held(syn) // the application tries again: asked again
			b.opening()
		})
	}
}

func TestICMPAnswerQuotesTheNewestSYN(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		reporter := router4
		if v6 {
			reporter = router6
		}
		for _, tt := range []struct {
			name    string
			answer  proto.FlowAnswer
			kind    packet.ErrorKind
			src     netip.Addr
			quoted  uint8
			counted packet.Reason
			denials int
		}{
			{"expired", proto.FlowAnswer{Reporter: reporter}, packet.TimeExceeded, reporter, 1, packet.Unreachable, 0},
			{"host unreachable", proto.FlowAnswer{Reporter: reporter, QuotedTTL: 2}, packet.HostUnreachable, reporter, 2, packet.Unreachable, 0},
			{"too big", proto.FlowAnswer{Reporter: reporter, MTU: 1300}, packet.TooBig, reporter, 7, packet.TooLarge, 0},
			{"denied", proto.FlowAnswer{Decision: 77}, packet.AdminProhibited, hopOf(v6), 7, packet.Denied, 1},
		} {
			synctest.Test(t, func(t *testing.T) {
				b := newTCPBed(t)
				b.held(synPacket(t, v6, 1000, 111, 7))
				newest := synPacket(t, v6, 1000, 222, 7)
				b.held(newest)
				a := tt.answer
				a.Kind, a.TTL = proto.AnswerICMP, 61
				a.ICMPType, a.ICMPCode = tt.kind.TypeCode(v6)
				b.reply(b.opening(), a)
				if len(b.back) != 1 {
					t.Fatalf("%d answers", len(b.back))
				}
				p := mustParse(t, b.back[0])
				if p.Type != a.ICMPType || p.Code != a.ICMPCode || p.Src != tt.src || p.TTL != 61 || p.MTU() != uint32(a.MTU) {
					t.Errorf("%s: %d/%d from %s TTL %d MTU %d", tt.name, p.Type, p.Code, p.Src, p.TTL, p.MTU())
				}
				q := mustParseLoose(t, newest)
				q.SetTTL(tt.quoted)
				if !bytes.Equal(p.Transport()[8:], q.Raw) {
					t.Errorf("%s: quotes %x, want %x", tt.name, p.Transport()[8:], q.Raw)
				}
				if b.counts.Get(tt.counted) != 1 || len(b.denied) != tt.denials {
					t.Errorf("%s: counted %v, %d denials", tt.name, b.counts.Snapshot(), len(b.denied))
				}
				if tt.denials == 1 && (b.denied[0].ID != 77 || b.denied[0].Protocol != "tcp" || b.denied[0].Dst != netip.AddrPortFrom(second(ends(v6)), 80).String()) {
					t.Errorf("denial %+v", b.denied[0])
				}
			})
		}
	}
}

func TestSilenceStaysSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTCPBed(t)
		syn := synPacket(t, false, 1000, 111, 64)
		b.held(syn)
		o := b.opening()
		b.reply(o, proto.FlowAnswer{Kind: proto.AnswerSilent})
		if len(b.back) != 0 || !o.dropped {
			t.Fatalf("%d answers, dropped %v", len(b.back), o.dropped)
		}
		for range 6 { // the kernel's retransmissions
			time.Sleep(15 * time.Second)
			b.held(syn)
		}
		b.noOpening()
		b.held(synPacket(t, false, 1000, 112, 64)) // a new attempt of the application is asked anew
		b.opening()
	})
}

func TestForgottenSYNEndsItsFlow(t *testing.T) {
	for name, forget := range map[string]func(t *testing.T, b *tcpBed){
		"RST": func(t *testing.T, b *tcpBed) {
			if r, local := b.send(segment(t, false, 1000, 112, 64, packet.FlagRST)); r != packet.OK || local {
				t.Errorf("RST: %s, local %v", r, local)
			}
		},
		"130 s": func(t *testing.T, b *tcpBed) {
			wait := func(d time.Duration) {
				b.t.Helper()
				for ; d > 0; d -= time.Second {
					time.Sleep(min(d, time.Second))
					b.table.expire(time.Now())
					if held, _ := b.table.counts(); held != 1 {
						b.t.Fatal("forgotten too early")
					}
				}
			}
			for _, d := range []time.Duration{1, 2, 4, 8, 16, 32} { // the kernel's retransmissions
				wait(d * time.Second)
				b.held(synPacket(t, false, 1000, 111, 64))
			}
			wait(67*time.Second - time.Millisecond)
			time.Sleep(time.Millisecond)
			b.table.expire(time.Now())
		},
		"no retransmission": func(_ *testing.T, b *tcpBed) { // a probe
			time.Sleep(6 * time.Second)
			b.table.expire(time.Now())
			if held, _ := b.table.counts(); held != 1 {
				b.t.Fatal("forgotten too early")
			}
			time.Sleep(time.Millisecond)
			b.table.expire(time.Now())
		},
		"another TTL": func(t *testing.T, b *tcpBed) {
			b.held(synPacket(t, false, 1000, 111, 5))
			if o := b.opening(); o.header.TTL != 5 {
				t.Errorf("TTL %d", o.header.TTL)
			}
			if b.counts.Get(packet.Superseded) != 1 {
				t.Error("not counted")
			}
		},
		"exit": func(_ *testing.T, b *tcpBed) { b.stop() },
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newTCPBed(t)
			b.held(synPacket(t, false, 1000, 111, 64))
			o := b.opening()
			forget(t, b)
			synctest.Wait()
			if o.ctx.Err() == nil {
				t.Errorf("%s: the flow's opening goes on", name)
			}
		})
	}
}

func TestLateAnswerForAForgottenSYN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTCPBed(t)
		b.held(synPacket(t, false, 1000, 111, 64))
		o := b.opening()
		b.send(segment(t, false, 1000, 112, 64, packet.FlagRST))
		before := b.counts.Snapshot()
		b.reply(o, proto.FlowAnswer{Kind: proto.AnswerConnected})
		b.fail(o, context.Canceled)
		if !o.dropped {
			t.Error("a flow for nobody was kept")
		}
		delete(before, "ok")
		after := b.counts.Snapshot()
		delete(after, "ok")
		if _, live := b.table.counts(); live != 0 || len(b.back) != 0 || !maps.Equal(before, after) {
			t.Errorf("%d live, %d answers, counted %v", live, len(b.back), after)
		}
	})
}

// What is forgotten before its opening has begun is never opened.
func TestForgottenBeforeItIsOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTCPBed(t)
		d := b.table.out(mustParseLoose(t, synPacket(t, false, 1000, 111, 64)), time.Now(), true)
		b.send(segment(t, false, 1000, 112, 64, packet.FlagRST))
		b.table.start(b.ctx, d.open, func(context.Context, *heldSYN) { t.Error("opened") })
		synctest.Wait()
	})
}

func TestFailedOpeningIsTriedByTheNextSYN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTCPBed(t)
		syn := synPacket(t, false, 1000, 111, 64)
		b.held(syn)
		b.fail(b.opening(), errors.New("link down"))
		if len(b.back) != 0 || b.counts.Get(packet.LinkDown) != 1 {
			t.Errorf("%d answers, counted %v", len(b.back), b.counts.Snapshot())
		}
		if d := b.table.out(mustParseLoose(t, syn), time.Now(), false); d.reason != packet.LinkDown || d.local() != nil || d.open != nil {
			t.Errorf("while down: %+v", d)
		}
		b.held(syn)
		b.opening()
	})
}

func TestFailedOpeningIsCountedByItsCause(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want packet.Reason
	}{
		{link.ErrClosed, packet.LinkDown},
		{&link.CloseError{Code: proto.CodeRevoked, Remote: true}, packet.LinkDown},
		{errors.New("nothing heard for 5s"), packet.LinkDown},
		{&link.ResetError{Code: proto.CodeProtocol, Remote: true}, packet.Closed}, // as of a spoofed source
		{&link.ResetError{Code: proto.CodeAborted, Remote: true}, packet.Closed},
		{&link.ResetError{Code: proto.CodeDenied, Remote: true}, packet.Denied},
		{&link.ResetError{Code: proto.CodeLinkDown, Remote: true}, packet.ConnectorDown},
		{&link.ResetError{Code: proto.CodeTimeout, Remote: true}, packet.Timeout},
		{&link.ResetError{Code: proto.CodeTooMany, Remote: true}, packet.TableFull},
		{context.Canceled, packet.Closed},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newTCPBed(t)
			b.held(synPacket(t, false, 1000, 111, 64))
			b.fail(b.opening(), fmt.Errorf("await flow: %w", tt.err))
			if len(b.back) != 0 || b.counts.Get(tt.want) != 1 {
				t.Errorf("%v: counted %v, want %s", tt.err, b.counts.Snapshot(), tt.want)
			}
		})
	}
}

// A full table is no reason to say no: of the destination that has most SYNs in it the one that
// has waited longest makes room, and its flow ends.
func TestHeldSYNsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTCPBed(t)
		scan := make([]*opening, 9)
		for i := range scan { // one more than there is room for
			b.held(synPacket(t, false, 1000+uint16(i), 111, 64))
			scan[i] = b.opening()
			time.Sleep(time.Millisecond)
		}
		own := segmentTo(t, laptop4, netip.MustParseAddr("172.16.10.121"), 2000, 111, 64, packet.FlagSYN)
		b.held(own)
		o := b.opening()
		for i, s := range scan {
			if gone := s.ctx.Err() != nil; gone != (i < 2) {
				t.Errorf("SYN %d of the scan: gone %v", i, gone)
			}
		}
		b.reply(o, proto.FlowAnswer{Kind: proto.AnswerConnected})
		if held, live := b.table.counts(); held != 7 || live != 1 || b.counts.Get(packet.Superseded) != 2 || !bytes.Equal(o.syn, own) {
			t.Errorf("%d held, %d live, counted %v", held, live, b.counts.Snapshot())
		}
	})
}
