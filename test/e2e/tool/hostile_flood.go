//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// What one flood consists of.
const (
	floodStreams  = 200
	floodOversize = 40
	floodControls = 3
)

// flood sends h.count random datagrams, random streams of both kinds, and control messages
// that are broken, too large, or never end. A client pings its argument all along and wants the answers.
func (h *hostile) flood(ctx context.Context, args []string) error {
	r := rand.New(rand.NewPCG(1, 2)) // the same flood each time
	if err := h.pingOwn(ctx, args, 1); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "flooding")
	for i, step := range []func(context.Context, *rand.Rand) error{
		h.randomDatagrams, h.randomStreams, h.randomOversize, h.brokenControls, h.endlessControl,
	} {
		if err := step(ctx, r); err != nil {
			return fmt.Errorf("step %d of the flood: %w", i+1, err)
		}
		if err := h.pingOwn(ctx, args, 3); err != nil {
			return fmt.Errorf("after step %d of the flood: %w", i+1, err)
		}
	}
	fmt.Println("the link lives")
	fmt.Fprintln(os.Stderr, "flooded")
	<-ctx.Done() // its link can be looked at until then
	return nil
}

// ownTries is how often a device asks before it finds its link dead. Of an edge that waits for a
// processor, quic-go drops what comes beyond 256 packets of a connection; a datagram among them is
// not sent again (RFC 9221 §5).
const ownTries = 5

// pingOwn pings each of args over this link, one request after the other, and wants every one answered.
func (h *hostile) pingOwn(ctx context.Context, args []string, count int) error {
	if h.role != proto.RoleClient {
		return h.conn.Context().Err()
	}
	for _, text := range args {
		dst, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		src, err := h.own(dst)
		if err != nil {
			return err
		}
		for seq := range count {
			echo := packet.Echo{Src: src, Dst: dst, Ident: 7, Seq: uint16(seq), Payload: []byte("own echo")}
			if err := h.askOwn(ctx, &echo); err != nil {
				return err
			}
		}
	}
	return nil
}

// askOwn sends one echo request until it is answered, ownTries times at most.
func (h *hostile) askOwn(ctx context.Context, echo *packet.Echo) error {
	for try := 1; ; try++ {
		if err := h.conn.SendDatagram(packet.AppendEcho([]byte{byte(proto.TypePacket)}, echo)); err != nil {
			return err
		}
		err := h.awaitReply(ctx, echo.Dst, echo.Seq)
		if !errors.Is(err, errNoReply) || try == ownTries {
			return err
		}
		fmt.Fprintf(os.Stderr, "request %d to %v: try %d was not answered\n", echo.Seq, echo.Dst, try)
	}
}

var errNoReply = errors.New("no echo reply")

// awaitReply skips what random datagrams were answered with.
func (h *hostile) awaitReply(ctx context.Context, from netip.Addr, seq uint16) error {
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	for {
		select {
		case d, ok := <-h.in:
			var p packet.Packet
			if !ok {
				return errors.New("the link ended")
			}
			if ip, err := proto.ParsePacket(d); err == nil && packet.Parse(ip, &p) == packet.OK && p.IsEchoReply() &&
				p.Src == from && p.Ident == 7 && p.Seq == seq {
				return nil
			}
		case <-limit.C:
			return fmt.Errorf("%w from %v", errNoReply, from)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// garbage returns up to limit random bytes behind a type byte, which is mostly one that exists.
func garbage(r *rand.Rand, limit int) []byte {
	b := make([]byte, 1+r.IntN(limit))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	if r.IntN(4) > 0 {
		b[0] = byte(r.IntN(8))
	}
	return b
}

func (h *hostile) randomDatagrams(ctx context.Context, r *rand.Rand) error {
	for range h.count {
		if err := h.send(ctx, garbage(r, 1000)); err != nil {
			return err
		}
	}
	return nil
}

// randomStreams opens bidirectional streams; some are left open, some reset, some closed.
func (h *hostile) randomStreams(ctx context.Context, r *rand.Rand) error {
	for i := range floodStreams {
		s, err := h.conn.OpenStreamSync(ctx)
		if err != nil {
			return err
		}
		_, _ = s.Write(garbage(r, 4000)) // the edge may have reset it already
		switch i % 3 {
		case 0:
			_ = s.Close()
		case 1:
			s.CancelWrite(1)
		}
		s.CancelRead(1)
	}
	return nil
}

// randomOversize opens unidirectional streams. Every second one claims to carry datagrams.
func (h *hostile) randomOversize(ctx context.Context, r *rand.Rand) error {
	for i := range floodOversize {
		s, err := h.conn.OpenUniStreamSync(ctx)
		if err != nil {
			return err
		}
		b := garbage(r, 4000)
		if i%2 == 0 {
			claim := uint32(len(b))
			if i%4 == 0 {
				claim = proto.MaxDatagram + 1
			}
			b = slices.Concat([]byte{byte(proto.StreamOversize)}, binary.BigEndian.AppendUint32(nil, claim), b)
		}
		_, _ = s.Write(b)
		_ = s.Close()
	}
	return nil
}

// brokenControls sends control messages that are no JSON, and 2 MiB large ones.
func (h *hostile) brokenControls(_ context.Context, r *rand.Rand) error {
	for range floodControls {
		b := garbage(r, 1000)
		if _, err := h.control.Write(append(proto.AppendLength(nil, len(b)), b...)); err != nil {
			return err
		}
		if _, err := h.control.Write(append(proto.AppendLength(nil, 2<<20), make([]byte, 2<<20)...)); err != nil {
			return err
		}
	}
	s, err := h.conn.OpenStream() // a second control stream
	if err != nil {
		return err
	}
	if _, err := io.WriteString(s, proto.Magic); err != nil {
		return err
	}
	_, err = s.Read(make([]byte, 1))
	if reset, ok := errors.AsType[*quic.StreamError](err); !ok || !reset.Remote {
		return fmt.Errorf("a second control stream: %w", err)
	}
	return nil
}

// endlessControl announces 64 MiB and sends one of them.
func (h *hostile) endlessControl(context.Context, *rand.Rand) error {
	_, err := h.control.Write(append(proto.AppendLength(nil, 64<<20), make([]byte, 1<<20)...))
	return err
}
