package path

import (
	"context"
	"errors"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/link"
)

// SendDatagram implements link.Carrier.
func (c *conn) SendDatagram(d []byte) error {
	err := c.quic.SendDatagram(d)
	if err == nil {
		return nil
	}
	if large, ok := errors.AsType[*quic.DatagramTooLargeError](err); ok {
		c.mtu.set(int(large.MaxDatagramPayloadSize))
		return link.ErrDatagramTooLarge
	}
	return translate(err)
}

// ReceiveDatagram implements link.Carrier.
func (c *conn) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	d, err := c.quic.ReceiveDatagram(ctx)
	return d, translate(err)
}

// PollDatagram implements link.Carrier.
func (c *conn) PollDatagram() ([]byte, error) {
	d, err := c.quic.ReceiveDatagram(c.poll)
	return d, translate(err)
}

// poll is a context with which quic-go's ReceiveDatagram never waits: where nothing has arrived it
// returns nil, and no error. It looks at Err before it looks for a datagram, and at Done where
// there is none.
type poll struct {
	context.Context
	passed chan struct{} // closed
}

func newPoll() *poll {
	p := &poll{Context: context.Background(), passed: make(chan struct{})}
	close(p.passed)
	return p
}

// Done is what the wait ends with.
func (p *poll) Done() <-chan struct{} { return p.passed }
