//go:build linux

package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// hostile is an enrolled node that sends what it likes: QUIC without the rules of internal/link.
type hostile struct {
	role    proto.Role
	id      proto.SessionID
	count   int
	every   time.Duration
	conn    *quic.Conn
	control *quic.Stream
	welcome proto.Welcome
	in      chan []byte // datagrams but heartbeats, and echo requests that were answered
}

// runHostile enrols, says hello and does as told. A connector meanwhile answers each echo request.
func runHostile(ctx context.Context, flags *flag.FlagSet, args []string) error {
	h := &hostile{in: make(chan []byte, 1024)}
	role := flags.String("role", "client", "client, connector")
	token := flags.String("token-file", "", "file with the token to enrol with")
	id := flags.Uint64("id", 42, "session id")
	flags.IntVar(&h.count, "n", 10, "how often")
	flags.DurationVar(&h.every, "i", 10*time.Millisecond, "interval")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	h.role, h.id = proto.Role(*role), proto.SessionID(*id)
	modes := map[string]func(context.Context, []string) error{
		"session": h.session, "steal": h.steal, "flood": h.flood, "forge": h.forge, "pour": h.pour,
	}
	mode, ok := modes[args[0]]
	if !ok {
		return fmt.Errorf("unknown mode %q: session, steal, flood, forge, pour", args[0])
	}
	if err := h.connect(ctx, *token); err != nil {
		return err
	}
	defer func() { _ = h.conn.CloseWithError(quic.ApplicationErrorCode(proto.CodeOK), "") }()
	fmt.Fprintln(os.Stderr, "linked")
	return mode(ctx, args[1:])
}

// connect enrols and opens the link, up to the edge's welcome.
func (h *hostile) connect(ctx context.Context, tokenFile string) error {
	n := node.New(node.Config{Role: h.role, TokenSource: process.TokenFrom(h.role, tokenFile)})
	if err := n.Enrol(ctx); err != nil {
		return err
	}
	conf, err := n.TLS(ctx)
	if err != nil {
		return err
	}
	conf.NextProtos = []string{proto.ALPN}
	h.conn, err = quic.DialAddr(ctx, n.Edges()[0], conf, &quic.Config{
		EnableDatagrams: true, InitialPacketSize: 1200, KeepAlivePeriod: time.Second, MaxIncomingUniStreams: 16,
	})
	if err != nil {
		return err
	}
	if h.control, err = h.conn.OpenStream(); err != nil {
		return err
	}
	if _, err := h.control.Write([]byte(proto.Magic)); err != nil {
		return err
	}
	if err := h.tell(&proto.Control{Hello: &proto.Hello{Hostname: "hostile", Facts: proto.Facts{ICMP: "ping"}}}); err != nil {
		return err
	}
	if err := h.awaitWelcome(); err != nil {
		return err
	}
	go h.receive(ctx)
	return nil
}

func (h *hostile) tell(m *proto.Control) error {
	b, err := proto.AppendControl(nil, m)
	if err == nil {
		_, err = h.control.Write(b)
	}
	return err
}

// awaitWelcome reads the edge's welcome, and drops its control messages from then on.
func (h *hostile) awaitWelcome() error {
	r := bufio.NewReader(h.control)
	for {
		body, err := proto.ReadFrame(r, nil, proto.MaxControl)
		if err != nil {
			return err
		}
		m, err := proto.ParseControl(body)
		if err != nil {
			return err
		}
		if m.Welcome != nil {
			h.welcome = *m.Welcome
			go func() { _, _ = io.Copy(io.Discard, r) }() // ends with the connection
			return nil
		}
	}
}

// receive handles what comes, until the link ends.
func (h *hostile) receive(ctx context.Context) {
	defer close(h.in)
	for {
		d, err := h.conn.ReceiveDatagram(ctx)
		if err != nil {
			return
		}
		if len(d) == 0 || proto.DatagramType(d[0]) != proto.TypeBatch {
			h.handle(d)
			continue
		}
		for rest := d[proto.BatchHeader:]; len(rest) > 0; {
			if d, rest, err = proto.ParseBatch(rest); err != nil {
				break
			}
			h.handle(d)
		}
	}
}

// handle answers heartbeats, and echo requests where this is a connector; the rest goes to h.in.
func (h *hostile) handle(d []byte) {
	if beat, err := proto.ParseHeartbeat(d); err == nil {
		if !beat.Echo {
			_ = h.conn.SendDatagram(proto.AppendHeartbeat(nil, proto.Heartbeat{Nonce: beat.Nonce, Echo: true}, len(d)))
		}
		return
	}
	var p packet.Packet
	if h.role == proto.RoleConnector && len(d) > 1 && proto.DatagramType(d[0]) == proto.TypePacket &&
		packet.Parse(d[1:], &p) == packet.OK && p.IsEchoRequest() {
		_ = h.conn.SendDatagram(packet.AppendEchoReply([]byte{byte(proto.TypePacket)}, &p))
		return
	}
	select {
	case h.in <- d:
	default: // nobody looks
	}
}

// send sends one datagram and waits for the interval.
func (h *hostile) send(ctx context.Context, d []byte) error {
	if err := h.conn.SendDatagram(d); err != nil {
		return err
	}
	return pause(ctx, h.every)
}

// own returns this device's address of the family of a.
func (h *hostile) own(a netip.Addr) (netip.Addr, error) {
	for _, own := range h.welcome.Addrs {
		if own.Is4() == a.Is4() {
			return own, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no own address for %v among %v", a, h.welcome.Addrs)
}
