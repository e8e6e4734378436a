package link

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// headerTimeout is how long a new stream may take to say what it is.
const headerTimeout = 10 * time.Second

// isEOF knows the end of a stream: io.EOF itself, as io.Reader demands, and not an error that wraps it.
func isEOF(err error) bool { return err == io.EOF }

// runAccept accepts bidirectional streams, each into a goroutine of its own;
// as many at a time as the peer was allowed.
func (l *Link) runAccept(ctx context.Context, h *Handler, spawn func(func())) error {
	most := maxStreams
	if l.dialled {
		most = maxEdgeStreams
	}
	slots := make(chan struct{}, most)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		s, err := l.conn.AcceptStream(ctx)
		if err != nil {
			return err
		}
		spawn(func() {
			defer func() { <-slots }()
			l.serveStream(ctx, s, h)
		})
	}
}

// serveStream reads the kind of a new stream and hands it on. What is not
// known is reset and counted, and disturbs nothing else.
func (l *Link) serveStream(ctx context.Context, s *quic.Stream, h *Handler) {
	_ = s.SetReadDeadline(time.Now().Add(headerTimeout))
	var kind [1]byte
	if _, err := io.ReadFull(s, kind[:]); err != nil {
		l.refuseStream(s, packet.Malformed)
		return
	}
	switch {
	case proto.StreamKind(kind[0]) == proto.StreamFlow && h.Flow != nil:
		l.serveFlow(ctx, s, h)
	case proto.StreamKind(kind[0]) == proto.StreamControl && !l.dialled && s.StreamID() == 0:
		l.serveControl(s, h)
	default:
		l.refuseStream(s, packet.UnknownType)
	}
}

func (l *Link) serveFlow(ctx context.Context, s *quic.Stream, h *Handler) {
	header, err := proto.ReadFlowHeader(s)
	if err != nil {
		l.refuseStream(s, packet.Malformed)
		return
	}
	_ = s.SetReadDeadline(time.Time{})
	st := l.newStream(s)
	defer st.end()
	h.Flow(ctx, l, st, header)
}

// serveControl checks the magic; the stream is the control stream from then on.
func (l *Link) serveControl(s *quic.Stream, h *Handler) {
	var rest [len(proto.Magic) - 1]byte
	if _, err := io.ReadFull(s, rest[:]); err != nil || string(rest[:]) != proto.Magic[1:] || !l.control.bind(s) {
		l.refuseStream(s, packet.UnknownType)
		return
	}
	_ = s.SetReadDeadline(time.Time{})
	l.receiveControl(s, h)
}

func (l *Link) refuseStream(s *quic.Stream, r packet.Reason) {
	s.CancelRead(quic.StreamErrorCode(proto.CodeProtocol))
	s.CancelWrite(quic.StreamErrorCode(proto.CodeProtocol))
	if l.conn.Context().Err() == nil {
		l.counters.Count(r)
	}
}

// runAcceptUni accepts unidirectional streams: oversize ones.
func (l *Link) runAcceptUni(ctx context.Context, h *Handler, spawn func(func())) error {
	for {
		s, err := l.conn.AcceptUniStream(ctx)
		if err != nil {
			return err
		}
		spawn(func() { l.serveUni(s, h) })
	}
}

func (l *Link) serveUni(s *quic.ReceiveStream, h *Handler) {
	_ = s.SetReadDeadline(time.Now().Add(headerTimeout))
	var kind [1]byte
	_, err := io.ReadFull(s, kind[:])
	if err != nil || proto.StreamKind(kind[0]) != proto.StreamOversize {
		s.CancelRead(quic.StreamErrorCode(proto.CodeProtocol))
		if !errors.Is(err, context.Canceled) && l.conn.Context().Err() == nil {
			l.counters.Count(packet.UnknownType)
		}
		return
	}
	_ = s.SetReadDeadline(time.Time{})
	l.receiveOversize(s, h)
}
