//go:build linux

package e2e

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// capture notes every IP packet that passes a device.
type capture struct {
	p *process
}

// captured is one packet of a capture; Class is packet.ClassOther where it is
// none of ours to parse (multicast, say).
type captured struct {
	packet.Packet
	at  time.Time
	out bool // leaves through the device
	ok  packet.Reason
}

// capture starts to note packets; it sees everything sent after it returns.
func (l *lab) capture(node, device string) *capture {
	l.t.Helper()
	c := &capture{p: l.start(node, "tool", "capture", device)}
	c.p.waitFor("capturing")
	return c
}

// packets returns what was seen so far.
func (c *capture) packets() []captured {
	c.p.l.t.Helper()
	var all []captured
	for line := range strings.Lines(c.p.output().stdout) {
		var nanos int64
		var direction, digits string
		if !strings.HasSuffix(line, "\n") {
			break // still being written
		}
		if n, _ := fmt.Sscan(line, &nanos, &direction, &digits); n != 3 {
			continue
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			c.p.l.t.Fatal("capture:", err)
		}
		one := captured{at: time.Unix(0, nanos), out: direction == "out"}
		one.ok = packet.Parse(b, &one.Packet)
		all = append(all, one)
	}
	return all
}

// stop ends the capture and returns the packets that keep likes; nil likes all.
func (c *capture) stop(keep func(*captured) bool) []captured {
	c.p.l.t.Helper()
	c.p.interrupt()
	var kept []captured
	for _, one := range c.packets() {
		if keep == nil || keep(&one) {
			kept = append(kept, one)
		}
	}
	return kept
}

// String shows a packet in one line, for messages of tests.
func (c captured) String() string {
	direction := "in "
	if c.out {
		direction = "out"
	}
	return fmt.Sprintf("%s %s %v > %v proto %d ttl %d df %v type %d code %d id %d seq %d ports %d>%d len %d",
		c.at.Format("15:04:05.000"), direction, c.Src, c.Dst, c.Proto, c.TTL, c.DF, c.Type, c.Code, c.Ident, c.Seq, c.SrcPort, c.DstPort, len(c.Raw))
}

// touches says whether source or destination of an IP packet is in one of the prefixes.
func touches(raw []byte, in []netip.Prefix) bool {
	var ends []netip.Addr
	switch {
	case len(raw) >= 20 && raw[0]>>4 == 4:
		ends = []netip.Addr{netip.AddrFrom4([4]byte(raw[12:16])), netip.AddrFrom4([4]byte(raw[16:20]))}
	case len(raw) >= 40 && raw[0]>>4 == 6:
		ends = []netip.Addr{netip.AddrFrom16([16]byte(raw[8:24])), netip.AddrFrom16([16]byte(raw[24:40]))}
	}
	return slices.ContainsFunc(ends, func(a netip.Addr) bool {
		return slices.ContainsFunc(in, func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// requests returns the identifiers that requests had, in the order of their appearance.
func requests(all []captured, v6 bool) []uint16 {
	var idents []uint16
	for _, p := range all {
		if p.ok == packet.OK && p.V6 == v6 && p.IsEchoRequest() && !slices.Contains(idents, p.Ident) {
			idents = append(idents, p.Ident)
		}
	}
	return idents
}
