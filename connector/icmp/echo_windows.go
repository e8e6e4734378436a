package icmp

import (
	"errors"

	"github.com/oneping/oneping/internal/echo"
)

// NewTransport returns the echo API. There is no choice on Windows.
func NewTransport(mode Mode) (Transport, error) {
	if mode == Raw {
		return nil, newOff(errors.New("raw sockets are not used on Windows"), "leave --icmp out")
	}
	api, err := echo.Open()
	if err != nil {
		return nil, newOff(err, "")
	}
	return newEchoes(&systemCalls{api}), nil
}

// TryPing says whether this system sends echo requests of one family.
func TryPing(v6 bool) error {
	api, err := echo.Open()
	if err != nil {
		return err
	}
	defer api.Close()
	if v6 && !api.IPv6() {
		return errors.New("this system has no IPv6 echo")
	}
	return nil
}

// GroupRangeCommand is empty: Windows restricts echo requests to no group.
func GroupRangeCommand() string { return "" }

// systemCalls is the system's own API (internal/echo).
type systemCalls struct{ calls *echo.Calls }

func (s *systemCalls) start(r *echoRequest, done func(*echoRequest)) uint32 {
	e := &echo.Request{Dst: r.Dst, TTL: r.TTL, TOS: r.TOS, DF: r.DF, Data: r.ICMP[8:], Timeout: echoTimeout}
	r.handle = e
	return s.calls.Start(e, func(*echo.Request) { done(r) })
}

func (s *systemCalls) finish(r *echoRequest) (echo.Reply, bool) {
	e, ok := r.handle.(*echo.Request)
	if !ok {
		return echo.Reply{}, false
	}
	return s.calls.Finish(e)
}

func (s *systemCalls) close() { s.calls.Close() }
