package probe

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/advice"
)

// climb returns what a ladder prints, without the first line.
func climb(t *testing.T, p *path, tr Trace) string {
	t.Helper()
	var out strings.Builder
	text := NewTraceText(&out, nil)
	err := NewLadder(tr, p).Run(t.Context(), func(r Rung) error { return text.Rung(t.Context(), r) })
	if err != nil {
		t.Fatal(err)
	}
	if err := text.End(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// usual is what traceroute does when nothing else is asked for.
func usual() Trace {
	return Trace{
		First: 1, Most: 30, Each: 3, Window: 16, Port: 33434, Rising: true,
		Wait: Waiting{Max: 5 * time.Second, Here: 3, Near: 10},
	}
}

func TestLadder(t *testing.T) {
	a, b, c := expired("192.0.2.1"), expired("192.0.2.2"), reply("192.0.2.3")
	var silent Answer
	for _, tc := range []struct {
		name  string
		hops  []Answer
		trace func(*Trace)
		want  string
	}{
		{
			"whole",
			[]Answer{a, b, c},
			nil,
			"\n 1  192.0.2.1  1.000 ms  1.000 ms  1.000 ms\n 2  192.0.2.2  2.000 ms  2.000 ms  2.000 ms" +
				"\n 3  192.0.2.3  3.000 ms  3.000 ms  3.000 ms\n",
		},
		{
			"a silent router",
			[]Answer{a, silent, c},
			nil,
			"\n 1  192.0.2.1  1.000 ms  1.000 ms  1.000 ms\n 2  * * *\n 3  192.0.2.3  3.000 ms  3.000 ms  3.000 ms\n",
		},
		{
			"refused on the way",
			[]Answer{a, refused("192.0.2.2", 13)},
			nil,
			"\n 1  192.0.2.1  1.000 ms  1.000 ms  1.000 ms\n 2  192.0.2.2  2.000 ms !X  2.000 ms !X  2.000 ms !X\n",
		},
		{
			"a closed port",
			[]Answer{a, refused("192.0.2.2", 3)},
			nil,
			"\n 1  192.0.2.1  1.000 ms  1.000 ms  1.000 ms\n 2  192.0.2.2  2.000 ms  2.000 ms  2.000 ms\n",
		},
		{
			"nobody",
			[]Answer{silent},
			func(t *Trace) { t.Most, t.Each = 3, 1 },
			"\n 1  *\n 2  *\n 3  *\n",
		},
		{
			"from the second on, two of each, one at a time",
			[]Answer{a, b, c},
			func(t *Trace) { t.First, t.Each, t.Window = 2, 2, 1 },
			"\n 2  192.0.2.2  2.000 ms  2.000 ms\n 3  192.0.2.3  3.000 ms  3.000 ms\n",
		},
		{
			"not further than asked",
			[]Answer{a, b, c},
			func(t *Trace) { t.Most = 1 },
			"\n 1  192.0.2.1  1.000 ms  1.000 ms  1.000 ms\n",
		},
		{
			"larger than our own link",
			[]Answer{{Kind: TooLong, Info: 1500}},
			nil,
			"\n 1  *  1.000 ms !F-1500 *  1.000 ms !F-1500 *  1.000 ms !F-1500\n",
		},
		{
			"IPv6",
			[]Answer{expired("2001:db8::1"), refused("2001:db8::2", 4)},
			func(t *Trace) { t.Each = 1 },
			"\n 1  2001:db8::1  1.000 ms\n 2  2001:db8::2  2.000 ms\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := usual()
				if tc.trace != nil {
					tc.trace(&tr)
				}
				p := newPath(routers(tc.hops...))
				if got := climb(t, p, tr); got != tc.want {
					t.Errorf("printed\n%s\nwant\n%s", got, tc.want)
				}
			})
		})
	}
}

// The ports rise by one with each probe where they shall, TTLs with each third; nothing is sent beyond
// the window.
func TestLadderSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := usual()
		tr.Most, tr.Window = 2, 2
		p := newPath(routers(expired("192.0.2.1"), reply("192.0.2.2")))
		p.busy = 3 // a kernel without room is asked again
		climb(t, p, tr)
		for i, got := range p.sent {
			if want := (Packet{Seq: uint16(i + 1), TTL: uint8(i/3 + 1), Port: uint16(33434 + i)}); got.Seq != want.Seq || got.TTL != want.TTL || got.Port != want.Port {
				t.Errorf("packet %d is %+v, want %+v", i, got, want)
			}
			if !p.freed[got.Seq] {
				t.Errorf("packet %d was not forgotten", i)
			}
		}
		if len(p.sent) != 6 {
			t.Errorf("%d packets, want 6", len(p.sent))
		}
	})
}

// A device that sends nothing ends a ladder, with the error of its sends.
func TestLadderStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, began := newPath(nil), time.Now()
		p.busy = 1 << 30
		err := NewLadder(usual(), p).Run(t.Context(), func(Rung) error { return nil })
		if !errors.Is(err, ErrBusy) || advice.Of(err) == "" || time.Since(began) != stuckFor {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// How long a probe is waited for: at most Max; shorter where another of its TTL, or of a later one, has
// been answered.
func TestLadderWaits(t *testing.T) {
	lost := func(ttl uint8, number int) func(Packet) []said {
		path := routers(expired("192.0.2.1"), expired("192.0.2.2"), reply("192.0.2.3"))
		return func(p Packet) []said {
			if p.TTL == ttl && (int(p.Seq)-1)%3 == number || ttl == 0 {
				return nil
			}
			return path(p)
		}
	}
	for _, tc := range []struct {
		name string
		says func(Packet) []said
		wait Waiting
		want time.Duration
	}{
		{"same TTL", lost(1, 0), Waiting{5 * time.Second, 3, 10}, 6 * time.Millisecond},
		{"later TTL", func(p Packet) []said {
			if p.TTL == 1 {
				return nil
			}
			return lost(9, 0)(p)
		}, Waiting{5 * time.Second, 3, 10}, 30 * time.Millisecond},
		{"Max alone", lost(1, 0), Waiting{Max: 5 * time.Second}, 5 * time.Second},
		{"not longer than Max", lost(1, 0), Waiting{4 * time.Millisecond, 3, 10}, 4 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, began := usual(), time.Now()
				tr.Wait = tc.wait
				climb(t, newPath(tc.says), tr)
				if took := time.Since(began); took != tc.want {
					t.Errorf("took %v, want %v", took, tc.want)
				}
			})
		})
	}
}

// A hop that answers the newest of several probes alone is shown where the first of them stands.
func TestLadderPullsRefusals(t *testing.T) {
	first := expired("192.0.2.1")
	first.TTL = 64
	for _, tc := range []struct {
		name    string
		refusal Answer
		at      uint8 // the TTL that is answered
		want    string
	}{
		{"from the hop before", Answer{Kind: Error, From: first.From, Type: 3, Code: 1, TTL: 64}, 4, "\n 1  192.0.2.1  1.000 ms\n 2  192.0.2.1  4.000 ms !H\n"},
		{"from as far as its TTL says", Answer{Kind: Error, From: router4.Next(), Type: 3, Code: 1, TTL: 63}, 4, "\n 1  192.0.2.1  1.000 ms\n 2  192.0.2.2  4.000 ms !H\n"},
		{"from further away", Answer{Kind: Error, From: router4.Next(), Type: 3, Code: 1, TTL: 61}, 4, "\n 1  192.0.2.1  1.000 ms\n 2  *\n 3  *\n 4  192.0.2.2  4.000 ms !H\n"},
		{"who knows", Answer{Kind: Error, From: router4.Next(), Type: 3, Code: 1}, 3, "\n 1  192.0.2.1  1.000 ms\n 2  *\n 3  192.0.2.2  3.000 ms !H\n"},
		{"no refusal", reply("192.0.2.2"), 3, "\n 1  192.0.2.1  1.000 ms\n 2  *\n 3  192.0.2.2  3.000 ms\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := usual()
				tr.Each = 1
				says := func(p Packet) []said {
					switch p.TTL {
					case 1:
						return []said{{time.Millisecond, first}}
					case tc.at:
						return []said{{time.Duration(p.TTL) * time.Millisecond, tc.refusal}}
					}
					return nil
				}
				if got := climb(t, newPath(says), tr); got != tc.want {
					t.Errorf("printed\n%s\nwant\n%s", got, tc.want)
				}
			})
		})
	}
}

// Redirects and source quenches are no answers; a second answer to one probe is none either.
func TestLadderIgnores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		redirect := expired("192.0.2.77")
		redirect.Type = 5
		p := newPath(func(p Packet) []said {
			return []said{{0, redirect}, {time.Millisecond, reply("192.0.2.1")}, {2 * time.Millisecond, refused("192.0.2.9", 1)}}
		})
		tr := usual()
		tr.Window = 1
		if got, want := climb(t, p, tr), "\n 1  192.0.2.1  1.000 ms  1.000 ms  1.000 ms\n"; got != want {
			t.Errorf("printed %q, want %q", got, want)
		}
	})
}

func TestLadderEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		nothing := func(Rung) error { return nil }
		if err := NewLadder(usual(), newPath(routers(Answer{}))).Run(ctx, nothing); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
		p := newPath(nil)
		p.fail = errors.New("send: network is unreachable")
		if err := NewLadder(usual(), p).Run(t.Context(), nothing); err != p.fail {
			t.Errorf("send: %v", err)
		}
		broken := errors.New("broken pipe")
		err := NewLadder(usual(), newPath(routers(reply("192.0.2.1")))).Run(t.Context(), func(Rung) error { return broken })
		if err != broken {
			t.Errorf("show: %v", err)
		}
	})
}

// Lines with names, several routers on one line, and a star between them.
func TestTraceText(t *testing.T) {
	var out strings.Builder
	text := NewTraceText(&out, NewNames(hosts{"192.0.2.1": "gate.example."}))
	if err := text.Begin("server", netip.MustParseAddr("192.0.2.3"), 30, 60); err != nil {
		t.Fatal(err)
	}
	ms := time.Millisecond
	for _, r := range []Rung{
		{TTL: 1, Number: 0, Heard: true, Answer: expired("192.0.2.1"), RTT: 1234567},
		{TTL: 1, Number: 1, Heard: true, Answer: expired("192.0.2.1"), RTT: 12 * ms},
		{TTL: 1, Number: 2, Heard: true, Answer: expired("192.0.2.2"), RTT: 1234 * ms},
		{TTL: 10, Number: 0},
		{TTL: 10, Number: 1, Heard: true, Answer: refused("192.0.2.2", 1), RTT: ms},
		{TTL: 10, Number: 2, Heard: true, Answer: refused("192.0.2.2", 1), RTT: ms},
	} {
		if err := text.Rung(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := text.End(); err != nil {
		t.Fatal(err)
	}
	want := "traceroute to server (192.0.2.3), 30 hops max, 60 byte packets\n" +
		" 1  gate.example (192.0.2.1)  1.235 ms  12.000 ms 192.0.2.2 (192.0.2.2)  1234.000 ms\n" +
		"10  * 192.0.2.2 (192.0.2.2)  1.000 ms !H  1.000 ms !H\n"
	if out.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", &out, want)
	}
}

// hosts is a resolver in memory.
type hosts map[string]string

func (h hosts) LookupAddr(_ context.Context, addr string) ([]string, error) {
	if name, ok := h[addr]; ok {
		return []string{name}, nil
	}
	return nil, errors.New("no such host")
}
