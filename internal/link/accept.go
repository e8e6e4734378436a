package link

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// headerTimeout is how long a new stream may take to say what it is.
	headerTimeout = 10 * time.Second
	// maxUnnamed bounds the bidirectional streams that are looked at and have not said it yet; the
	// next ones wait.
	maxUnnamed = 128
	// maxMute is how many may never say it: quic-go keeps what they hold until the peer itself
	// resets them.
	maxMute = 8
)

// streams are those of a link, as far as it has to bound them.
type streams struct {
	open    atomic.Int64  // bidirectional ones that somebody uses: the link is in use
	mutes   atomic.Int32  // that did not say in time what they are
	unnamed chan struct{} // a place for each that may still say it
}

func (s *streams) init() { s.unnamed = make(chan struct{}, maxUnnamed) }

// take waits for a place in slots.
func take(ctx context.Context, slots chan<- struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// runAccept accepts bidirectional streams, each into a goroutine of its own;
// as many at a time as the peer was allowed, and few of them that are silent.
func (l *Link) runAccept(ctx context.Context, h *Handler, spawn func(func())) error {
	most := MaxStreams
	if l.dialled {
		most = MaxEdgeStreams
	}
	slots := make(chan struct{}, most)
	for first := true; ; first = false {
		if err := take(ctx, slots); err != nil {
			return err
		}
		if err := take(ctx, l.streams.unnamed); err != nil {
			return err
		}
		s, err := l.carrier.AcceptStream(ctx)
		if err != nil {
			return err
		}
		spawn(func() {
			defer func() { <-slots }()
			serve := l.nameStream(ctx, s, h, first)
			<-l.streams.unnamed
			if serve != nil {
				serve()
			}
		})
	}
}

// nameStream reads what a new stream is and returns who serves it. What is not known is reset and
// counted, and disturbs nothing else. The first of a node is its control stream.
func (l *Link) nameStream(ctx context.Context, s CarrierStream, h *Handler, first bool) (serve func()) {
	_ = s.SetReadDeadline(time.Now().Add(headerTimeout))
	var kind [1]byte
	if _, err := io.ReadFull(s, kind[:]); err != nil {
		l.refuseStream(s, unnamedFor(err))
		l.mute(err)
		return nil
	}
	switch {
	case proto.StreamKind(kind[0]) == proto.StreamFlow && h.Flow != nil:
		serve = l.nameFlow(ctx, s, h)
	case proto.StreamKind(kind[0]) == proto.StreamControl && !l.dialled && first:
		serve = l.nameControl(s, h)
	default:
		l.refuseStream(s, packet.UnknownType)
	}
	if serve != nil {
		_ = s.SetReadDeadline(time.Time{})
	}
	return serve
}

// unnamedFor returns why a stream has not said what it is: its peer gave it up, as a client does
// with a SYN of a fast scan, or said nothing that makes sense.
func unnamedFor(err error) packet.Reason {
	if _, reset := ResetCode(err); reset {
		return packet.Closed
	}
	return packet.Malformed
}

func (l *Link) nameFlow(ctx context.Context, s CarrierStream, h *Handler) func() {
	header, err := proto.ReadFlowHeader(s)
	if err != nil {
		l.refuseStream(s, unnamedFor(err))
		l.mute(err)
		return nil
	}
	return func() {
		st := l.newStream(s)
		defer st.end()
		h.Flow(ctx, l, st, header)
	}
}

// nameControl checks the magic; the stream is the control stream from then on.
func (l *Link) nameControl(s CarrierStream, h *Handler) func() {
	var rest [len(proto.Magic) - 1]byte
	_, err := io.ReadFull(s, rest[:])
	if err != nil || string(rest[:]) != proto.Magic[1:] || !l.control.bind(s) {
		l.refuseStream(s, packet.UnknownType)
		l.mute(err)
		return nil
	}
	return func() { l.receiveControl(s, h) }
}

// mute notes a stream that has not said in time what it is, and ends a link that makes a habit of
// it.
func (l *Link) mute(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) && l.streams.mutes.Add(1) == maxMute {
		l.abort(proto.CodeProtocol, "streams that do not say what they are")
	}
}

func (l *Link) refuseStream(s CarrierStream, r packet.Reason) {
	s.CancelRead(proto.CodeProtocol)
	s.CancelWrite(proto.CodeProtocol)
	if l.carrier.Context().Err() == nil {
		l.tally.ended(r)
	}
}

// runAcceptUni accepts unidirectional streams: oversize ones.
func (l *Link) runAcceptUni(ctx context.Context, spawn func(func())) error {
	for {
		s, err := l.carrier.AcceptUniStream(ctx)
		if err != nil {
			return err
		}
		spawn(func() { l.serveUni(s) })
	}
}

func (l *Link) serveUni(s ReceiveStream) {
	_ = s.SetReadDeadline(time.Now().Add(headerTimeout))
	var kind [1]byte
	_, err := io.ReadFull(s, kind[:])
	if err != nil || proto.StreamKind(kind[0]) != proto.StreamOversize {
		s.CancelRead(proto.CodeProtocol)
		if !errors.Is(err, context.Canceled) && l.carrier.Context().Err() == nil {
			l.tally.ended(packet.UnknownType)
		}
		l.mute(err)
		return
	}
	_ = s.SetReadDeadline(time.Time{})
	l.receiveOversize(s)
}
