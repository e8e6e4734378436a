//go:build linux

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// pinger sends echo requests of one identifier and checks what comes back.
type pinger struct {
	dst               netip.Addr
	conn              net.PacketConn
	ident             uint16
	tag               string
	right, wrong, dup int
	seen              map[uint16]bool
	sent              int
}

// runPing sees every ICMP packet that the kernel accepts (a raw socket), so
// that a reply meant for somebody else would show. With -dgram it uses a ping socket, which
// owns its identifier on this host.
func runPing(ctx context.Context, flags *flag.FlagSet, args []string) error {
	ident := flags.Uint("ident", 1, "identifier")
	count := flags.Int("n", 10, "requests, at most 65535")
	every := flags.Duration("i", 10*time.Millisecond, "interval")
	tag := flags.String("tag", "", "text in each payload, to tell pingers apart")
	dgram := flags.Bool("dgram", false, "use a ping socket")
	wait := flags.Duration("w", 2*time.Second, "how long to wait after the last request")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	p := &pinger{ident: uint16(*ident), tag: *tag, seen: make(map[uint16]bool)}
	if p.dst, err = netip.ParseAddr(args[0]); err != nil {
		return err
	}
	if err := p.open(*dgram); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { p.conn.Close() })()
	fmt.Fprintln(os.Stderr, "pinging")
	received := make(chan struct{})
	go func() { p.receive(); close(received) }()
	ticker := time.NewTicker(*every)
	defer ticker.Stop()
	for p.sent = 0; p.sent < *count && ctx.Err() == nil; p.sent++ {
		if err := p.send(uint16(p.sent)); err != nil {
			return err
		}
		<-ticker.C
	}
	if err := p.conn.SetReadDeadline(time.Now().Add(*wait)); err != nil {
		return err
	}
	<-received
	fmt.Printf("%d sent, %d right, %d wrong, %d duplicate\n", p.sent, p.right, p.wrong, p.dup)
	if p.right != p.sent || p.wrong+p.dup > 0 {
		return fmt.Errorf("not every request had exactly its own reply")
	}
	return nil
}

// open makes the socket.
func (p *pinger) open(dgram bool) (err error) {
	if dgram {
		p.conn, err = pingSocket(p.dst.Is6(), int(p.ident))
		return err
	}
	conn, err := listenICMP(p.dst.Is6())
	if err == nil {
		_ = conn.SetReadBuffer(4 << 20)
		p.conn = conn
	}
	return err
}

// addr is where requests go, in the form that the socket wants.
func (p *pinger) addr() net.Addr {
	if _, raw := p.conn.(*net.IPConn); raw {
		return &net.IPAddr{IP: p.dst.AsSlice()}
	}
	return &net.UDPAddr{IP: p.dst.AsSlice()}
}

func (p *pinger) payload(seq uint16) []byte { return fmt.Appendf(nil, "%s %d %d", p.tag, p.ident, seq) }

// send sends the ICMP part; source and IPv6 checksum are the kernel's.
func (p *pinger) send(seq uint16) error {
	b := packet.AppendEcho(nil, &packet.Echo{Src: p.dst, Dst: p.dst, Ident: p.ident, Seq: seq, Payload: p.payload(seq)})
	_, err := p.conn.WriteTo(b[headerSize(p.dst.Is6()):], p.addr())
	return err
}

func (p *pinger) receive() {
	buf := make([]byte, 2048)
	for {
		n, peer, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		seq, payload, ok := echoReply(buf[:n], p.dst.Is6(), p.ident)
		if !ok {
			continue
		}
		switch src := addrOf(peer); {
		case src != p.dst || !bytes.Equal(payload, p.payload(seq)):
			if p.wrong++; p.wrong <= 5 {
				fmt.Printf("wrong: from %v, sequence %d, payload %q\n", src, seq, payload)
			}
		case p.seen[seq]:
			p.dup++
		default:
			p.seen[seq] = true
			p.right++
		}
	}
}
