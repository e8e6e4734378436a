//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// registration opens the session h.id from this device's port 5000.
func (h *hostile) registration(dst netip.AddrPort, payload string) ([]byte, error) {
	src, err := h.own(dst.Addr())
	return proto.AppendUDPRegistration(nil, &proto.UDPRegistration{
		Session: h.id, Src: netip.AddrPortFrom(src, 5000), Dst: dst, TTL: 64, Tag: 1, Payload: []byte(payload),
	}), err
}

func (h *hostile) payload(text string) []byte {
	return proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: h.id, TTL: 64, Tag: 2, Payload: []byte(text)})
}

func (h *hostile) event(kind proto.EventKind, reporter netip.Addr) []byte {
	e := proto.UDPEvent{Session: h.id, Kind: kind, Tag: 2, TTL: 64, Reporter: reporter}
	if kind == proto.EventICMP {
		e.ICMPType, e.ICMPCode = packet.PortUnreachable.TypeCode(reporter.Is6())
	}
	return proto.AppendUDPEvent(nil, &e)
}

// session is an honest client: it registers, sends count payloads to an echo
// server and wants each back, and nothing else.
func (h *hostile) session(ctx context.Context, args []string) error {
	dst, err := oneAddrPort(args)
	if err != nil {
		return err
	}
	d, err := h.registration(dst, "honest 0")
	for i := 0; i < h.count && err == nil; i++ {
		text := fmt.Sprint("honest ", i)
		if i > 0 {
			d = h.payload(text)
		}
		if err = h.conn.SendDatagram(d); err == nil {
			err = h.expect(ctx, text, i == 0)
		}
		if i == 0 {
			fmt.Fprintln(os.Stderr, "registered")
		}
		err = errors.Join(err, pause(ctx, h.every))
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d payloads answered, nothing else came\n", h.count)
	return nil
}

// expect reads the payload text of the session, and the answer to a registration before it.
func (h *hostile) expect(ctx context.Context, text string, registered bool) error {
	limit := time.NewTimer(3 * time.Second)
	defer limit.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return fmt.Errorf("no answer to %q", text)
		case d, ok := <-h.in:
			var p proto.UDPPayload
			var e proto.UDPEvent
			switch {
			case !ok:
				return errors.New("the link ended")
			case registered && proto.ParseUDPEvent(d, &e) == nil && e.Kind == proto.EventRegistered && e.Session == h.id:
				registered = false
			case proto.ParseUDPPayload(d, &p) == nil && p.Session == h.id && string(p.Payload) == text:
				return nil
			default:
				return fmt.Errorf("waiting for %q, received %x", text, d)
			}
		}
	}
}

// steal uses a session id that belongs to another device in every way there is.
func (h *hostile) steal(ctx context.Context, args []string) error {
	dst, err := oneAddrPort(args)
	if err != nil {
		return err
	}
	reg, err := h.registration(dst, "stolen")
	if err != nil {
		return err
	}
	for range h.count {
		for _, d := range [][]byte{reg, h.payload("stolen"), h.event(proto.EventClosed, netip.Addr{}), h.event(proto.EventUnknown, netip.Addr{})} {
			if err := h.send(ctx, d); err != nil {
				return err
			}
		}
	}
	return h.silence(ctx)
}

// silence wants nothing to arrive for a moment.
func (h *hostile) silence(ctx context.Context) error {
	select {
	case d := <-h.in:
		return fmt.Errorf("received %x", d)
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(500 * time.Millisecond):
		fmt.Println("nothing came")
		return nil
	}
}

func oneAddrPort(args []string) (netip.AddrPort, error) {
	if len(args) != 1 {
		return netip.AddrPort{}, errors.New("want ADDRESS:PORT")
	}
	return netip.ParseAddrPort(args[0])
}
