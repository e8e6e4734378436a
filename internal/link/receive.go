package link

import (
	"context"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// runReceiver is the goroutine that receives datagrams.
func (l *Link) runReceiver(ctx context.Context, h *Handler) error {
	for {
		d, err := l.conn.ReceiveDatagram(ctx)
		if err != nil {
			return err
		}
		l.received.Add(1)
		l.count(l.dispatch(d, h))
	}
}

// dispatch hands one datagram to whoever it is for and returns what became of it.
func (l *Link) dispatch(d []byte, h *Handler) packet.Reason {
	switch {
	case len(d) == 0:
		return packet.Malformed
	case d[0] == byte(proto.TypeHeartbeat):
		return l.receiveHeartbeat(d)
	case h.Datagram == nil:
		return packet.UnknownType
	}
	return h.Datagram(l, d)
}

func (l *Link) count(r packet.Reason) {
	if r != packet.OK {
		l.counters.Count(r)
	}
}
