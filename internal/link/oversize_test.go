package link

import (
	"errors"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// stuckStream is an oversize stream of which the peer takes its kind and nothing more.
type stuckStream struct {
	taken bool
	code  proto.Code
}

func (s *stuckStream) Write(b []byte) (int, error) {
	if s.taken {
		return 0, errors.New("the peer takes nothing")
	}
	s.taken = true
	return len(b), nil
}
func (s *stuckStream) Close() error                     { return nil }
func (s *stuckStream) CancelWrite(code proto.Code)      { s.code = code }
func (s *stuckStream) SetWriteDeadline(time.Time) error { return nil }

// stuckCarrier opens one stream, which is stuck, and then none.
type stuckCarrier struct {
	fakeCarrier
	stream *stuckStream
}

func (c *stuckCarrier) OpenUniStream() (SendStream, error) {
	if c.stream.code != 0 {
		return nil, ErrStreamLimit
	}
	return c.stream, nil
}

// Each datagram of a batch that could not be written is counted, and none of them as sent.
func TestLostBatchCountsEachDatagram(t *testing.T) {
	l := offline()
	carrier := &stuckCarrier{stream: new(stuckStream)}
	l.carrier = carrier
	for want, why := uint64(3), "the write failed"; want <= 6; want, why = want+3, "no stream may be opened" {
		for range 3 {
			if r, _ := l.over.put(0, make([]byte, 2000)); r != packet.OK {
				t.Fatal(r)
			}
		}
		if s, err := l.writeBatch(nil, l.over.take()); s != nil || err != nil {
			t.Fatalf("%s: %v, %v; want to go on with another stream", why, s, err)
		}
		if n := l.tally.reasons.Get(packet.QueueFull); n != want || l.tally.sent.Load() != 0 {
			t.Errorf("%s: %d lost, %d sent; want %d and 0", why, n, l.tally.sent.Load(), want)
		}
	}
	if carrier.stream.code != proto.CodeTimeout {
		t.Errorf("the stream was ended with %v", carrier.stream.code)
	}
}
