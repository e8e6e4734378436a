//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net/netip"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// runInject sends what no honest program would: any source, any identifier, any flags.
func runInject(ctx context.Context, flags *flag.FlagSet, args []string) error {
	kind := flags.String("kind", "request", "request, reply, udp, syn")
	ident := flags.Uint("ident", 1, "identifier of an echo")
	seq := flags.Uint("seq", 1, "sequence of the first echo; initial sequence number of a SYN")
	sport := flags.Uint("sport", 40000, "source port")
	dport := flags.Uint("dport", 7, "destination port")
	ttl := flags.Uint("ttl", 64, "TTL")
	df := flags.Bool("df", false, "don't fragment")
	payload := flags.Int("payload", 56, "bytes of payload")
	vary := flags.Int("vary", -1, "bytes of payload of every second packet; -1: as the others")
	count := flags.Int("n", 1, "packets; each has the next sequence and IP identification, unless -same")
	same := flags.Bool("same", false, "repeat the same packet")
	every := flags.Duration("i", time.Millisecond, "interval")
	args, err := parse(flags, args, 2)
	if err != nil {
		return err
	}
	src, err := netip.ParseAddr(args[0])
	if err != nil {
		return err
	}
	dst, err := netip.ParseAddr(args[1])
	if err != nil {
		return err
	}
	send, err := rawSender(dst)
	if err != nil {
		return err
	}
	long, body := bytes.Repeat([]byte{0x69}, max(*payload, *vary)), 0
	ticker := time.NewTicker(*every)
	defer ticker.Stop()
	for i := range *count {
		n := uint16(*seq)
		if !*same {
			n += uint16(i)
		}
		if body = *payload; *vary >= 0 && i%2 == 1 {
			body = *vary
		}
		var b []byte
		from, to := netip.AddrPortFrom(src, uint16(*sport)), netip.AddrPortFrom(dst, uint16(*dport))
		switch *kind {
		case "request", "reply":
			b = packet.AppendEcho(nil, &packet.Echo{
				Src: src, Dst: dst, Ident: uint16(*ident), Seq: n, TTL: uint8(*ttl), DF: *df, Reply: *kind == "reply", ID: n, Payload: long[:body],
			})
		case "udp":
			b = packet.AppendUDP(nil, &packet.UDPPacket{Src: from, Dst: to, TTL: uint8(*ttl), DF: *df, ID: n, Payload: long[:body]})
		case "syn":
			b = syn(from, to, uint32(*seq), uint8(*ttl))
		default:
			return fmt.Errorf("unknown kind %q", *kind)
		}
		if err := send(b); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// syn makes a SYN without options: the checksum is that of the UDP packet which
// lends its header, so it is computed here.
func syn(src, dst netip.AddrPort, seq uint32, ttl uint8) []byte {
	b := packet.AppendUDP(nil, &packet.UDPPacket{Src: src, Dst: dst, TTL: ttl, DF: true, Payload: make([]byte, 12)})
	head := 20
	if dst.Addr().Is6() {
		head, b[6] = 40, packet.TCP
	} else {
		b[9] = packet.TCP
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:20], 0))
	}
	t := b[head:]
	binary.BigEndian.PutUint32(t[4:], seq)
	clear(t[8:])
	t[12], t[13] = 5<<4, packet.FlagSYN
	binary.BigEndian.PutUint16(t[14:], 65535)
	sum := uint64(packet.TCP) + uint64(len(t))
	for _, a := range []netip.Addr{src.Addr(), dst.Addr()} {
		raw := a.AsSlice()
		for i := 0; i < len(raw); i += 2 {
			sum += uint64(binary.BigEndian.Uint16(raw[i:]))
		}
	}
	binary.BigEndian.PutUint16(t[16:], packet.Checksum(t, sum))
	return b
}
