package probe

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const target = "192.0.2.3"

// pingOn returns what a pinger prints on standard output and standard error, without the first line.
func pingOn(t *testing.T, p *path, ping Ping, set func(*PingText)) (out, errs string, tally *Tally) {
	t.Helper()
	var o, e strings.Builder
	text := NewPingText(&o, &e, nil, netip.MustParseAddr(target), len(ping.Payload))
	if set != nil {
		set(text)
	}
	tally, err := NewPinger(ping, p, text).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := text.End(target, tally); err != nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), tally
}

// three is ping -c 3.
func three() Ping {
	return Ping{Count: 3, Every: time.Second, Linger: 10 * time.Second, Payload: PingPayload(56)}
}

// echoing answers each packet with its own payload, changed by mend, after some time.
func echoing(after time.Duration, mend func(b []byte) []byte) func(p Packet) []said {
	return func(p Packet) []said {
		a := reply(target)
		a.Data = append([]byte(nil), p.Payload...)
		if mend != nil {
			a.Data = mend(a.Data)
		}
		return []said{{after, a}}
	}
}

func TestPinger(t *testing.T) {
	line := func(seq string) string {
		return "64 bytes from 192.0.2.3: icmp_seq=" + seq + " ttl=60 time=1.50 ms"
	}
	const quick, end = 1500 * time.Microsecond, "\n--- 192.0.2.3 ping statistics ---\n"
	but := func(number uint16, instead func(p Packet) []said) func(p Packet) []said {
		whole := echoing(quick, nil)
		return func(p Packet) []said {
			if p.Seq == number {
				return instead(p)
			}
			return whole(p)
		}
	}
	silent := func(Packet) []said { return nil }
	for _, tc := range []struct {
		name string
		says func(p Packet) []said
		ping func(*Ping)
		text func(*PingText)
		want string
		took time.Duration
	}{
		{
			"whole", echoing(quick, nil), nil, nil,
			line("1") + "\n" + line("2") + "\n" + line("3") + "\n" + end +
				"3 packets transmitted, 3 received, 0% packet loss, time 2000ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			2*time.Second + quick,
		},
		{
			"quiet", echoing(quick, nil), nil, func(p *PingText) { p.Quiet = true },
			end + "3 packets transmitted, 3 received, 0% packet loss, time 2000ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			2*time.Second + quick,
		},
		{
			"nobody", silent, nil, func(p *PingText) { p.Outstanding = true },
			"no answer yet for icmp_seq=1\nno answer yet for icmp_seq=2\n" + end + "3 packets transmitted, 0 received, 100% packet loss, time 2000ms\n\n",
			12 * time.Second,
		},
		{
			"one is lost", but(3, silent), nil, nil,
			line("1") + "\n" + line("2") + "\n" + end +
				"3 packets transmitted, 2 received, 33.3333% packet loss, time 2000ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			3 * time.Second, // an interval is more than twice the longest round trip
		},
		{
			"one is refused", but(2, func(Packet) []said { return []said{{quick, refused("192.0.2.1", 13)}} }), nil, nil,
			line("1") + "\nFrom 192.0.2.1 icmp_seq=2 Packet filtered\n" + line("3") + "\n" + end +
				"3 packets transmitted, 2 received, +1 errors, 33.3333% packet loss, time 2000ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			2*time.Second + quick,
		},
		{
			"twice", but(1, func(p Packet) []said { e := echoing(quick, nil)(p); return append(e, e[0]) }), nil, nil,
			line("1") + "\n" + line("1") + " (DUP!)\n" + line("2") + "\n" + line("3") + "\n" + end +
				"3 packets transmitted, 3 received, +1 duplicates, 0% packet loss, time 2000ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			2*time.Second + quick,
		},
		{
			"another host answers", but(3, func(p Packet) []said { e := echoing(quick, nil)(p); e[0].a.From = router4; return e }), nil, nil,
			line("1") + "\n" + line("2") + "\n" + strings.Replace(line("3"), target, "192.0.2.1", 1) + " (DIFFERENT ADDRESS!)\n" + end +
				"3 packets transmitted, 3 received, 0% packet loss, time 2000ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			2*time.Second + quick,
		},
		{
			"late", echoing(2500*time.Millisecond, nil), func(p *Ping) { p.Count = 2 }, nil,
			"64 bytes from 192.0.2.3: icmp_seq=1 ttl=60 time=2500 ms\n64 bytes from 192.0.2.3: icmp_seq=2 ttl=60 time=2500 ms\n" + end +
				"2 packets transmitted, 2 received, 0% packet loss, time 1000ms\nrtt min/avg/max/mdev = 2500.000/2500.000/2500.000/0.000 ms, pipe 2\n",
			3500 * time.Millisecond,
		},
		{
			"the first reply is waited for without end", but(1, echoing(time.Minute, nil)), func(p *Ping) { p.Count, p.Linger = 1, 0 }, nil,
			"64 bytes from 192.0.2.3: icmp_seq=1 ttl=60 time=60000 ms\n" + end +
				"1 packets transmitted, 1 received, 0% packet loss, time 0ms\nrtt min/avg/max/mdev = 60000.000/60000.000/60000.000/0.000 ms\n",
			time.Minute,
		},
		{
			"no room for a time", echoing(quick, nil), func(p *Ping) { p.Count, p.Payload = 1, PingPayload(8) }, nil,
			"16 bytes from 192.0.2.3: icmp_seq=1 ttl=60\n" + end + "1 packets transmitted, 1 received, 0% packet loss, time 0ms\n\n",
			quick,
		},
		{
			"no payload", echoing(quick, nil), func(p *Ping) { p.Count, p.Payload = 1, nil }, nil,
			"8 bytes from 192.0.2.3: icmp_seq=1 ttl=60\n" + end + "1 packets transmitted, 1 received, 0% packet loss, time 0ms\n\n",
			quick,
		},
		{
			"cut", echoing(quick, func(b []byte) []byte { return b[:40] }), func(p *Ping) { p.Count = 1 }, nil,
			"48 bytes from 192.0.2.3: icmp_seq=1 ttl=60 (truncated)\n" + end +
				"1 packets transmitted, 1 received, 0% packet loss, time 0ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			quick,
		},
		{
			"damaged", echoing(quick, func(b []byte) []byte { b[20] = 0xff; return b }), func(p *Ping) { p.Count = 1 }, nil,
			line("1") + "\nwrong data byte #20 should be 0x14 but was 0xff\n#16\t10 11 12 13 ff 15 16 17 18 19 1a 1b 1c 1d 1e 1f 20 21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f " +
				"\n#48\t30 31 32 33 34 35 36 37 \n" + end +
				"1 packets transmitted, 1 received, 0% packet loss, time 0ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			quick,
		},
		{
			"a deadline, until the replies are there", but(1, silent), func(p *Ping) { p.Deadline = 10 * time.Second }, nil,
			line("2") + "\n" + line("3") + "\n" + line("4") + "\n" + end +
				"4 packets transmitted, 3 received, 25% packet loss, time 3000ms\nrtt min/avg/max/mdev = 1.500/1.500/1.500/0.000 ms\n",
			3*time.Second + quick,
		},
		{
			"a deadline that comes first", silent, func(p *Ping) { p.Count, p.Deadline = 0, 2500*time.Millisecond }, nil,
			end + "3 packets transmitted, 0 received, 100% packet loss, time 2000ms\n\n", 2500 * time.Millisecond,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ping, began := three(), time.Now()
				if tc.ping != nil {
					tc.ping(&ping)
				}
				got, errs, _ := pingOn(t, newPath(tc.says), ping, tc.text)
				if got != tc.want || errs != "" {
					t.Errorf("printed\n%s%s\nwant\n%s", got, errs, tc.want)
				}
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
			})
		})
	}
}

// What this host does not let out is counted as sent, and said on standard error.
func TestPingerUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ping := three()
		p := newPath(routers(Answer{Kind: TooLong, Info: 1400}))
		p.busy = 5 // no room is no error: it goes out a little later
		out, errs, tally := pingOn(t, p, ping, nil)
		if want := strings.Repeat("ping: local error: message too long, mtu=1400\n", 3); errs != want || tally.Errors != 3 || tally.Sent != 3 {
			t.Errorf("printed %q, %q; %+v", errs, out, tally)
		}
		p = newPath(nil)
		p.fail = syscall.EPERM
		out, errs, _ = pingOn(t, p, ping, nil)
		if want := strings.Repeat("ping: sendmsg: Operation not permitted\n", 3); errs != want ||
			!strings.Contains(out, "3 packets transmitted, 0 received, 100% packet loss, time 2000ms\n") {
			t.Errorf("printed %q, %q", errs, out)
		}
	})
}

// A device that sends nothing wedges nobody: requests count as sent after a while, as with ping.
func TestPingerStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPath(nil)
		p.busy = 1 << 30
		out, errs, _ := pingOn(t, p, three(), func(p *PingText) { p.Outstanding = true })
		if want := strings.Repeat("ping: sendmsg: No buffer space available\n", 3); errs != want ||
			!strings.HasPrefix(out, "no answer yet for icmp_seq=1\n") || strings.Count(out, "icmp_seq=1\n") != 1 ||
			!strings.Contains(out, "3 packets transmitted, 0 received, 100% packet loss, time 4000ms\n") {
			t.Errorf("printed %q, %q", errs, out)
		}
	})
}

// The status comes while nothing else does, and counts what has come.
func TestPingerStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs strings.Builder
		text := NewPingText(&out, &errs, nil, netip.MustParseAddr(target), 56)
		ping := three()
		ping.Count, ping.Every = 0, time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		pinger := NewPinger(ping, newPath(echoing(2*time.Millisecond, nil)), text)
		time.AfterFunc(time.Second, pinger.Ask)
		time.AfterFunc(2*time.Second, cancel)
		if _, err := pinger.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if want := "\r1/1 packets, 0% loss, min/avg/ewma/max = 2.000/2.000/2.000/2.000 ms\n"; errs.String() != want {
			t.Errorf("status %q, want %q", &errs, want)
		}
	})
}

// More requests than there are sequence numbers: each is told apart from the one of the round before.
func TestPingerWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ping := three()
		ping.Count, ping.Every, ping.Payload = 65540, 2*time.Millisecond, nil
		_, _, tally := pingOn(t, newPath(echoing(time.Millisecond, nil)), ping, func(p *PingText) { p.Quiet = true })
		if tally.Sent != 65540 || tally.Received != 65540 || tally.Again != 0 {
			t.Errorf("%+v", tally)
		}
	})
}

func TestThreeDigits(t *testing.T) {
	for us, want := range map[time.Duration]string{
		0: "0.000", 1: "0.001", 999: "0.999", 1000: "1.00", 1234: "1.23", 1235: "1.24", 9994: "9.99", 9995: "10.0",
		12345: "12.3", 99949: "99.9", 99950: "100", 123456: "123", 1e6: "1000",
	} {
		if got := threeDigits(us * time.Microsecond); got != want {
			t.Errorf("%d us: %s, want %s", us, got, want)
		}
	}
}

func TestPingTextFirstLine(t *testing.T) {
	for _, c := range []struct{ dst, from, device, want string }{
		{"192.0.2.3", "", "", "PING server (192.0.2.3) 56(84) bytes of data.\n"},
		{"192.0.2.3", "192.0.2.9", "", "PING server (192.0.2.3) from 192.0.2.9 : 56(84) bytes of data.\n"},
		{"192.0.2.3", "192.0.2.9", "eth0", "PING server (192.0.2.3) from 192.0.2.9 eth0: 56(84) bytes of data.\n"},
		{"2001:db8::1", "", "", "PING server(gate (2001:db8::1)) 56 data bytes\n"},
		{"2001:db8::2", "2001:db8::9", "eth0", "PING server(2001:db8::2) from 2001:db8::9 eth0: 56 data bytes\n"},
	} {
		var out strings.Builder
		text := NewPingText(&out, nil, NewNames(hosts{"2001:db8::1": "gate"}), netip.MustParseAddr(c.dst), 56)
		var from netip.Addr
		if c.from != "" {
			from = netip.MustParseAddr(c.from)
		}
		if err := text.Begin(t.Context(), "server", from, c.device); err != nil || out.String() != c.want {
			t.Errorf("%v: %q, want %q", err, &out, c.want)
		}
	}
}

// A resolver that does not answer is asked twice; what it has said is remembered.
func TestNamesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, slow := time.Now(), &silentResolver{}
		n := NewNames(slow)
		for a := router4; a != netip.MustParseAddr("192.0.2.9"); a = a.Next() {
			if name := n.Of(t.Context(), a); name != "" {
				t.Errorf("%s is %q", a, name)
			}
		}
		if took := time.Since(began); took != 2*time.Second || slow.asked != 2 {
			t.Errorf("asked %d times, took %v", slow.asked, took)
		}
	})
	known := hosts{"192.0.2.1": "gate.example."}
	n := NewNames(known)
	for range 2 {
		if name := n.Of(t.Context(), router4); name != "gate.example" {
			t.Errorf("name %q", name)
		}
		delete(known, "192.0.2.1")
	}
}

// silentResolver answers nothing.
type silentResolver struct{ asked int }

func (s *silentResolver) LookupAddr(ctx context.Context, _ string) ([]string, error) {
	s.asked++
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestFind(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	r := resolver{"both": {v6, v4}, "six": {v6}}
	for _, c := range []struct {
		host   string
		family Family
		want   netip.Addr
		fails  string
	}{
		{"both", Any, v6, ""},
		{"both", PreferIPv4, v4, ""},
		{"six", PreferIPv4, v6, ""},
		{"192.0.2.1", IPv4, v4, ""},
		{"192.0.2.1", Any, v4, ""},
		{"::ffff:192.0.2.1", Any, v4, ""},
		{"0", Any, netip.MustParseAddr("127.0.0.1"), ""},
		{"::", Any, netip.IPv6Loopback(), ""},
		{"192.0.2.1", IPv6, v4, "find 192.0.2.1: it is an address of the other family"},
		{"2001:db8::1", IPv4, v6, "find 2001:db8::1: it is an address of the other family"},
		{"nobody", Any, netip.Addr{}, "find nobody: nothing is known"},
	} {
		got, err := Find(t.Context(), r, c.host, c.family)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != c.want || text != c.fails {
			t.Errorf("%s, family %d: %s, %q; want %s, %q", c.host, c.family, got, text, c.want, c.fails)
		}
	}
}

func TestParseAddr(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "127.1": "127.0.0.1", "10.1.2": "10.1.0.2", "10.1.258": "10.1.1.2", "0": "0.0.0.0",
		"2130706433": "127.0.0.1", "0x7f.1": "127.0.0.1", "0177.1": "127.0.0.1", "0xb.1": "11.0.0.1", "::1": "::1", "::ffff:10.0.0.1": "10.0.0.1",
		"fe80::1%eth0": "fe80::1%eth0",
		"":             "", "256.1": "", "1.2.3.256": "", "1.2.3.4.5": "", "4294967296": "", "1..2": "", "abc": "", "0xg": "", "1_0.1": "",
		"0b1.1": "", "0o1.1": "", "-1": "", "+1.1": "", "server.1": "",
	} {
		a, ok := ParseAddr(text)
		if ok != (want != "") || ok && a.String() != want {
			t.Errorf("%q: %s, %v; want %q", text, a, ok, want)
		}
	}
}

// resolver is a resolver in memory.
type resolver map[string][]netip.Addr

func (r resolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if addrs, ok := r[host]; ok {
		return addrs, nil
	}
	return nil, errors.New("nothing is known")
}
