//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// forge is a connector that speaks to a device it serves nothing to: for each ADDRESS FROM pair of
// arguments, packets to ADDRESS in the name of FROM, and datagrams of the session h.id. One round is
// four packets of each pair, four datagrams of the session and a registration.
func (h *hostile) forge(ctx context.Context, args []string) error {
	if len(args) == 0 || len(args)%2 != 0 {
		return errors.New("want ADDRESS FROM …")
	}
	var all [][]byte
	for i := 0; i < len(args); i += 2 {
		victim, err := netip.ParseAddr(args[i])
		if err != nil {
			return err
		}
		from, err := netip.ParseAddr(args[i+1])
		if err != nil {
			return err
		}
		packets, err := h.forgedPackets(victim, from)
		if err != nil {
			return err
		}
		all = append(all, packets...)
	}
	reporter, err := netip.ParseAddr(args[1])
	if err != nil {
		return err
	}
	all = append(all, h.payload("forged"), h.event(proto.EventICMP, reporter), h.event(proto.EventClosed, netip.Addr{}),
		h.event(proto.EventDenied, reporter), proto.AppendUDPRegistration(nil, &proto.UDPRegistration{
			Session: h.id, Src: netip.AddrPortFrom(reporter, 7), Dst: netip.AddrPortFrom(reporter, 7), TTL: 64,
		}))
	for range h.count {
		for _, d := range all {
			if err := h.send(ctx, d); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d datagrams sent\n", h.count*len(all))
	return h.silence(ctx)
}

// forgedPackets are a reply, a request, an error of from and one of the edge's own name.
func (h *hostile) forgedPackets(victim, from netip.Addr) ([][]byte, error) {
	kind := []byte{byte(proto.TypePacket)}
	asked := packet.AppendEcho(nil, &packet.Echo{Src: victim, Dst: from, Ident: 4242, Seq: 1, Payload: []byte("asked")})
	var p packet.Packet
	if r := packet.Parse(asked, &p); r != packet.OK {
		return nil, fmt.Errorf("quote an echo request of %v: %v", victim, r)
	}
	all := [][]byte{
		packet.AppendEchoReply(append([]byte(nil), kind...), &p),
		packet.AppendEcho(append([]byte(nil), kind...), &packet.Echo{Src: from, Dst: victim, Ident: 4242, Seq: 1}),
	}
	reporters := []netip.Addr{from}
	for _, hop := range h.welcome.Hops {
		if hop.Is4() == from.Is4() {
			reporters = append(reporters, hop)
		}
	}
	for i, reporter := range reporters {
		e := packet.Error{Src: reporter}
		e.Type, e.Code = []packet.ErrorKind{packet.HostUnreachable, packet.TimeExceeded}[i].TypeCode(from.Is6())
		b, ok := packet.AppendError(append([]byte(nil), kind...), e, &p)
		if !ok {
			return nil, fmt.Errorf("no ICMP error about an echo request of %v", victim)
		}
		all = append(all, b)
	}
	return all, nil
}
