package link

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// arrivals is a carrier on which datagrams have arrived.
type arrivals struct {
	Carrier
	waiting [][]byte
}

func (c *arrivals) PollDatagram() ([]byte, error) {
	if len(c.waiting) == 0 {
		return nil, nil
	}
	d := c.waiting[0]
	c.waiting = c.waiting[1:]
	return d, nil
}

// A batch of the oversize stream takes its place in the queue of each owner, behind what was there
// before it: also while others, who have credit, keep coming.
func TestABatchPassesNothingOfItsOwners(t *testing.T) {
	c := &arrivals{}
	l := &Link{carrier: c}
	l.recvOver.init()
	var batch []byte
	for i := range byte(20) {
		c.waiting = append(c.waiting, []byte{9, 1, i})
		batch = append(proto.AppendLength(batch, 3), 9, 1, 100+i)
	}
	var busy []byte // what the busy owner's were
	r := newReceiver(l, &Handler{
		Owner: func(d []byte) Owner { return Owner(d[1]) },
		Datagram: func(_ *Link, d []byte) packet.Reason {
			if d[1] == 1 {
				busy = append(busy, d[2])
			} else if len(busy) < 39 {
				c.waiting = append(c.waiting, []byte{9, d[1], 0}) // another one comes at once
			}
			return packet.OK
		},
	})
	for o := range byte(5) {
		c.waiting = append(c.waiting, []byte{9, 2 + o, 0})
	}
	l.recvOver.arrived <- batch
	if err := r.handleArrived(); err != nil {
		t.Fatal(err)
	}
	var want []byte
	for i := range byte(20) {
		want = append(want, i)
	}
	for i := range byte(20) {
		want = append(want, 100+i)
	}
	if d := cmp.Diff(want, busy); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	select {
	case <-l.recvOver.handled:
	default:
		t.Error("the stream waits for a batch that is done with")
	}
}
