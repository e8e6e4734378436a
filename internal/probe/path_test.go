package probe

import (
	"net/netip"
	"time"
)

// path is a sender in memory: what it says about a packet, and when, is a test's word.
type path struct {
	says  func(p Packet) []said
	sent  []Packet
	busy  int // sends that find no room
	fail  error
	later []dated
	news  chan struct{}
	freed map[uint16]bool
}

// said is an answer and how long it takes.
type said struct {
	after time.Duration
	a     Answer
}

type dated struct {
	at time.Time
	a  Answer
}

func newPath(says func(p Packet) []said) *path {
	return &path{says: says, news: make(chan struct{}, 1), freed: make(map[uint16]bool)}
}

func (s *path) Source() netip.Addr { return netip.MustParseAddr("192.0.2.99") }

func (s *path) Send(p Packet) error {
	if s.fail != nil {
		return s.fail
	}
	if s.busy > 0 {
		s.busy--
		return ErrBusy
	}
	p.Payload = append([]byte(nil), p.Payload...)
	s.sent = append(s.sent, p)
	for _, w := range s.says(p) {
		a := w.a
		a.Seq, a.At = p.Seq, time.Now().Add(w.after)
		s.later = append(s.later, dated{a.At, a})
	}
	return nil
}

func (s *path) Receive(until time.Time) ([]Answer, error) {
	for {
		var due []Answer
		var next time.Time
		rest := s.later[:0]
		for _, d := range s.later {
			if d.at.After(time.Now()) {
				rest, next = append(rest, d), earlier(next, d.at)
				continue
			}
			due = append(due, d.a)
		}
		s.later = rest
		if len(due) > 0 {
			return due, nil
		}
		wake := until
		if !next.IsZero() {
			wake = earlier(next, orNever(until))
		}
		timer := time.NewTimer(time.Until(orNever(wake)))
		select {
		case <-s.news:
			timer.Stop()
			return nil, nil
		case <-timer.C:
		}
		if !until.IsZero() && !time.Now().Before(until) && !wake.Equal(next) {
			return nil, nil
		}
	}
}

func orNever(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now().Add(24 * time.Hour)
	}
	return t
}

func (s *path) Forget(seq uint16) { s.freed[seq] = true }

func (s *path) Wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *path) Close() error { return nil }

// routers is a path on which hop i (1 …) answers what expires there after i milliseconds, and the last
// one is the destination.
func routers(hops ...Answer) func(p Packet) []said {
	return func(p Packet) []said {
		n := min(int(p.TTL), len(hops))
		if p.TTL == 0 {
			n = len(hops)
		}
		a := hops[n-1]
		if !a.From.IsValid() && a.Kind != TooLong {
			return nil // silent
		}
		return []said{{time.Duration(n) * time.Millisecond, a}}
	}
}

func expired(from string) Answer {
	a := netip.MustParseAddr(from)
	return Answer{Kind: Error, From: a, Type: timeExceeded(a.Is6()), TTL: 60}
}

func refused(from string, code uint8) Answer {
	a := expired(from)
	a.Type, a.Code = unreachable4, code
	if a.From.Is6() {
		a.Type = unreachable6
	}
	return a
}

func reply(from string) Answer { return Answer{From: netip.MustParseAddr(from), TTL: 60} }
