package obs

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// watched is a limited logger and what it wrote.
func watched(limit func(*zap.Logger) *zap.Logger) (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	return limit(zap.New(core)), logs
}

// TestTheSameTroubleIsALineAMinute, though each text has another port and another time.
func TestTheSameTroubleIsALineAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := watched(Limit)
		start := time.Now()
		n := 0
		for time.Since(start) < 150*time.Second {
			log.Warn("cannot reach the edge", zap.String(FieldRemote, "edge.example.com:7844"), zap.Error(fmt.Errorf(
				"lookup edge.example.com on 127.0.0.53:53: read udp 127.0.0.1:%d->127.0.0.53:53: connection refused at %s", 30_000+n, time.Now())))
			n++
			time.Sleep(500 * time.Millisecond)
		}
		said := logs.TakeAll()
		if len(said) != 3 {
			t.Fatalf("%d lines in 150 s, want 3: %v", len(said), said)
		}
		for i, want := range []struct {
			suppressed any
			port       string
		}{{nil, "30000"}, {uint64(118), "30119"}, {uint64(119), "30239"}} {
			m := said[i].ContextMap()
			if text := m["error"].(string); m["suppressed"] != want.suppressed || !strings.Contains(text, ":"+want.port+"->") {
				t.Errorf("line %d: %v lines left out, %s; want %v and port %s", i, m["suppressed"], text, want.suppressed, want.port)
			}
		}
		log.Warn("cannot reach the edge", zap.String(FieldRemote, "edge.example.com:7844"), zap.Error(errors.New("no answer")))
		log.Warn("cannot reach the edge", zap.String(FieldRemote, "other.example.com:7844"), zap.Error(errors.New("no answer")))
		log.Warn("cannot reach the edge", zap.String(FieldRemote, "other.example.com:7844"), zap.Error(errors.New("no answer")), Episode(1))
		if n := logs.Len(); n != 3 {
			t.Errorf("other trouble, another edge and trouble after a welcome: %d lines, want 3", n)
		}
	})
}

// TestTheEndOfTroubleIsTold by whoever looks after the log.
func TestTheEndOfTroubleIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := watched(Limit)
		for i := range 7 {
			log.Error("write store", zap.Error(errors.New("no space left")), zap.Int("try", i))
		}
		Flush(log)
		if n := logs.Len(); n != 1 {
			t.Fatalf("%d lines, want the first alone", n)
		}
		time.Sleep(time.Minute)
		Flush(log)
		said := logs.TakeAll()
		if last := said[len(said)-1].ContextMap(); len(said) != 2 || last["try"] != int64(6) || last["suppressed"] != uint64(5) {
			t.Errorf("%d lines, the last %v; want 2, the newest words and 5 left out", len(said), last)
		}
		time.Sleep(time.Hour)
		Flush(log)
		if logs.Len() != 0 {
			t.Error("told twice")
		}
	})
}

// TestOnePeerIsOnePeer over however many links and reasons, and keeps no other from being heard.
func TestOnePeerIsOnePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := watched(LimitStrangers)
		for i := range 10_000 {
			link := log.With(zap.String(FieldRemote, fmt.Sprintf("192.0.2.%d:%d", i%256, 1024+i)), zap.String(FieldIdentity, "oneping://client/a"))
			link.Warn("node reports", zap.String(FieldReason, strings.Repeat(string(rune('a'+i%26)), i%100)))
			link.Info("node connected")
			time.Sleep(6 * time.Millisecond)
		}
		if n := logs.FilterMessage("node reports").Len(); n > subjectBurst+1 {
			t.Errorf("%d reports in a minute", n)
		}
		if n := logs.FilterMessage("node connected").Len(); n > eventBurst+1 {
			t.Errorf("%d connections in a minute", n)
		}
		logs.TakeAll()
		log.Warn("node reports", zap.String(FieldIdentity, "oneping://client/b"), zap.String(FieldReason, "a"))
		if logs.FilterMessage("node reports").Len() != 1 {
			t.Error("another peer is not heard")
		}
		logs.TakeAll()
		for i, why := range []string{"used", "expired", "used"} {
			log.Warn("enrolment refused", zap.String(FieldRemote, "192.0.2.1:1"), zap.String(FieldReason, why), Known(fmt.Sprint("token ", i/2)))
		}
		if n := logs.FilterMessage("enrolment refused").Len(); n != 3 {
			t.Errorf("%d of 3 lines about two tokens and two reasons", n)
		}
		for range 100 {
			log.Info("route add", zap.String("actor", "uid 0"))
		}
		if n := logs.FilterMessage("route add").Len(); n != 100 {
			t.Errorf("%d of 100 changes by a person logged", n)
		}
	})
}

// TestStrangersFillNoLog: whatever they do, from however many networks, a minute of log has at most
// 10 KB about them, and who is known is heard all the while.
func TestStrangersFillNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := LimitStrangers(zap.New(zapcore.NewCore(encoder(false), zapcore.AddSync(&out), zap.InfoLevel)))
		worst := strings.Repeat("\\\"\u202e\x9bé", 300)
		minute := time.Now()
		for i := range 20_000 {
			a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 16), byte(i >> 8), byte(i), 1, 15: 1})
			from := log.With(zap.Stringer(FieldRemote, netip.AddrPortFrom(a, uint16(i))))
			from.Warn([]string{"link refused", "enrolment refused", "link refused in its handshake"}[i%3],
				zap.String(FieldCode, []string{"refused", "expired"}[i/3%2]), zap.String(FieldReason, worst[i%1000:]),
				zap.String(FieldToken, worst), zap.String("hostname", worst))
			time.Sleep(10 * time.Millisecond)
			if time.Since(minute) >= time.Minute {
				if out.Len() > 10_000 {
					t.Errorf("%d bytes in a minute", out.Len())
				}
				for line := range strings.Lines(out.String()) {
					if len(line) > 1000 || strings.ContainsAny(line, "\u202e\u009b") {
						t.Errorf("a line of %d bytes: %s", len(line), line)
					}
				}
				out.Reset()
				minute = time.Now()
				log.Warn("node reports", zap.String(FieldIdentity, "oneping://client/b"), zap.String(FieldReason, fmt.Sprint(strings.Repeat("x", i/6_000))))
				if out.Len() == 0 {
					t.Error("a known peer is not heard")
				}
				out.Reset()
			}
		}
	})
}

func TestConstant(t *testing.T) {
	for in, want := range map[string]string{
		"": "",
		"read udp 127.0.0.1:53214->127.0.0.53:53: connection  refused": "read udp # connection refused",
		"here it is 2026-11-27":      "here it is #",
		"dial [2001:db8::1]:7844: x": "dial # x",
	} {
		if got := constant(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestWhatLibrariesSayIsALineOfTheLog, and a limited one.
func TestWhatLibrariesSayIsALineOfTheLog(t *testing.T) {
	to, logs := watched(Limit)
	restore := TakeStd(to)
	for n := range 3 {
		log.Printf("cannot set the buffer to %d", n)
	}
	restore()
	said := logs.All()
	if len(said) != 1 || said[0].Level != zap.WarnLevel || said[0].LoggerName != "library" || said[0].Message != "cannot set the buffer to 0" {
		t.Errorf("%+v", said)
	}
}

// TestAnHTTPServersTroubleIsALineOfTheLog, and a limited one.
func TestAnHTTPServersTroubleIsALineOfTheLog(t *testing.T) {
	log, logs := watched(Limit)
	std := HTTPErrors(log)
	for _, pause := range []string{"5ms", "10ms", "1s"} {
		std.Printf("http: Accept error: accept unix @: too many open files; retrying in %s", pause)
	}
	said := logs.All()
	if len(said) != 1 || said[0].Level != zap.WarnLevel || said[0].LoggerName != "http" || !strings.HasSuffix(said[0].Message, "retrying in 5ms") {
		t.Errorf("%+v", said)
	}
}

// TestOnePeerLeavesRoomForOthers: whatever words a node has, what is left out about another is told.
func TestOnePeerLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, logs := watched(LimitStrangers)
		for i := range 2 * maxHeld { // words without digits: each is a kind of its own
			words := strings.Map(func(r rune) rune { return r - '0' + 'a' }, fmt.Sprint(i))
			log.Warn("event of a node", zap.String(FieldIdentity, "loud"), zap.String(FieldReason, words))
		}
		for range 3 {
			log.Warn("event of a node", zap.String(FieldIdentity, "other"), zap.String(FieldReason, "trouble"))
		}
		logs.TakeAll()
		time.Sleep(2 * repeatEvery)
		Flush(log)
		for _, e := range logs.TakeAll() {
			if m := e.ContextMap(); m[FieldIdentity] == "other" {
				if m["suppressed"] != uint64(1) && m["suppressed"] != uint64(2) {
					t.Errorf("%v", m)
				}
				return
			}
		}
		t.Error("nothing is said of the other node")
	})
}
