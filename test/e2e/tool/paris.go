//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// paris probes a path as a Paris traceroute does: every probe has the same five-tuple and payload,
// so that load balancers send all one way. It knows them by what no router looks at: the IPv4
// identification or the IPv6 flow label.
type paris struct {
	src, dst netip.AddrPort
	most     int
	payload  []byte
	hops     map[uint16][]string // what was said about the probes of each TTL
}

// runParis sends the probes of all TTLs in one burst and prints "TTL ADDRESS TYPE/CODE…", or "TTL *".
func runParis(ctx context.Context, flags *flag.FlagSet, args []string) error {
	most := flags.Int("m", 8, "largest TTL")
	each := flags.Int("q", 1, "probes of each TTL")
	size := flags.Int("s", 32, "payload size")
	sport := flags.Uint("sport", 33000, "source port")
	wait := flags.Duration("w", 5*time.Second, "how long to wait for answers")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	p := &paris{most: *most, payload: make([]byte, *size), hops: make(map[uint16][]string)}
	if p.dst, err = netip.ParseAddrPort(args[0]); err != nil {
		return err
	}
	if p.src, err = sourceToward(p.dst, uint16(*sport)); err != nil {
		return err
	}
	conn, err := listenICMP(p.dst.Addr().Is6())
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := p.send(*each); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(*wait)); err != nil {
		return err
	}
	if err := p.receive(conn, *most**each); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	for ttl := range uint16(*most) {
		said := p.hops[ttl+1]
		for len(said) < *each {
			said = append(said, "*")
		}
		fmt.Println(ttl+1, said)
	}
	return nil
}

// sourceToward returns the address that this host uses toward dst, with a port.
func sourceToward(dst netip.AddrPort, port uint16) (netip.AddrPort, error) {
	c, err := net.Dial("udp", dst.String()) // sends nothing
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer c.Close()
	local := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(local.Addr().Unmap(), port), nil
}

// send sends each probes of every TTL at once.
func (p *paris) send(each int) error {
	send, err := rawSender(p.dst.Addr())
	if err != nil {
		return err
	}
	for ttl := range p.most {
		for range each {
			if err := send(p.probe(uint16(ttl + 1))); err != nil {
				return err
			}
		}
	}
	return nil
}

// probeMark makes a TTL a number that is not 0, which the kernel would replace.
const probeMark = 0x4000

// probe returns the packet of one TTL.
func (p *paris) probe(ttl uint16) []byte {
	b := packet.AppendUDP(nil, &packet.UDPPacket{Src: p.src, Dst: p.dst, TTL: uint8(ttl), ID: probeMark | ttl, Payload: p.payload})
	if p.dst.Addr().Is6() {
		binary.BigEndian.PutUint16(b[2:], probeMark|ttl)
	}
	return b
}

// receive notes what is said about the probes until every one has been answered.
func (p *paris) receive(conn *net.IPConn, probes int) error {
	buf := make([]byte, 2048)
	for probes > 0 {
		n, from, err := conn.ReadFromIP(buf)
		if err != nil {
			return err
		}
		if ttl, text, ok := p.about(buf[:n], addrOf(from)); ok {
			p.hops[ttl] = append(p.hops[ttl], text)
			slices.Sort(p.hops[ttl])
			probes--
		}
	}
	return nil
}

// about says which probe an ICMP message is about, and how to print it.
func (p *paris) about(icmp []byte, from netip.Addr) (ttl uint16, text string, ok bool) {
	if len(icmp) < 8 {
		return 0, "", false
	}
	m := packet.Packet{Raw: icmp, V6: p.dst.Addr().Is6(), Class: packet.ClassICMP, Type: icmp[0], Code: icmp[1]}
	var q packet.Packet
	if !m.Quoted(&q) || q.Class != packet.ClassUDP || q.SrcAddrPort() != p.src || q.DstAddrPort() != p.dst {
		return 0, "", false
	}
	mark := q.Raw[4:]
	if m.V6 {
		mark = q.Raw[2:]
	}
	ttl = binary.BigEndian.Uint16(mark) &^ probeMark
	return ttl, fmt.Sprintf("%v %d/%d", from, m.Type, m.Code), true
}
