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
		if len(d) > 0 && d[0] == byte(proto.TypeBatch) {
			l.unpack(d[proto.BatchHeader:], h)
			continue
		}
		l.received.Add(1)
		l.count(l.dispatch(d, h))
	}
}

// unpack hands on the datagrams of a batch, up to the first that is malformed.
func (l *Link) unpack(rest []byte, h *Handler) {
	for len(rest) > 0 {
		d, next, err := proto.ParseBatch(rest)
		if err != nil {
			l.counters.Count(packet.Malformed)
			return
		}
		l.received.Add(1)
		l.count(l.dispatch(d, h))
		rest = next
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
