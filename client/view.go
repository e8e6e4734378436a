package client

import (
	"net/netip"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// view is what the packet path needs to know of the link: taken once per batch, never changed afterwards.
type view struct {
	up      bool
	epoch   uint64 // counts links: a session registered in another epoch registers again
	max     int    // size of the largest datagram of the link now
	settled bool   // max is final: an answer that states it may be made
	idle    uint16 // seconds after which an idle UDP session ends; 0 = hop.DefaultIdle

	hop4, hop6   netip.Addr // the edge's hop addresses; zero where unknown
	addr4, addr6 netip.Addr // the device's own addresses; zero where it has none
}

// innerMTU returns the size of the largest IP packet that surely fits a
// datagram, however it travels: as a packet (one byte more) or as a UDP payload
// (fewer bytes than its headers take). One number per family, because the host
// remembers one number per destination. 0 means not yet known.
func (v *view) innerMTU(v6 bool) int {
	if !v.settled || v.max <= 0 {
		return 0
	}
	n := min(v.max-proto.PacketOverhead, v.max-proto.PayloadOverhead+28)
	if v6 {
		n = max(n, packet.MinMTU6)
	}
	return n
}

// hop returns the address from which the client answers in place of the
// edge: the edge's hop address, and the device's own while that is unknown.
func (v *view) hop(v6 bool) netip.Addr {
	hop, own := v.hop4, v.addr4
	if v6 {
		hop, own = v.hop6, v.addr6
	}
	if hop.IsValid() {
		return hop
	}
	return own
}

// self returns the address from which the client answers in its own name: the
// device's, so that "no link" and "no connector" look different.
func (v *view) self(v6 bool) netip.Addr {
	if v6 {
		return v.addr6
	}
	return v.addr4
}

// own says whether a is an address of this device.
func (v *view) own(a netip.Addr) bool { return a.IsValid() && (a == v.addr4 || a == v.addr6) }

// setAddrs sorts addresses into their families.
func (v *view) setAddrs(addrs, hops []netip.Addr) {
	v.addr4, v.addr6 = byFamily(addrs)
	v.hop4, v.hop6 = byFamily(hops)
}

func byFamily(addrs []netip.Addr) (v4, v6 netip.Addr) {
	for _, a := range addrs {
		switch a = a.Unmap(); {
		case a.Is4() && !v4.IsValid():
			v4 = a
		case a.Is6() && !v6.IsValid():
			v6 = a
		}
	}
	return v4, v6
}

// verdict is what becomes of one packet. The slices are valid until the same room is asked again.
type verdict struct {
	reason packet.Reason // OK: it went on
	class  link.Class    // of send
	send   []byte        // a datagram for the edge, or nil
	back   []byte        // a packet for the host, or nil
	local  []byte        // a TCP packet for the netstack, or nil

	ended   proto.SessionID // a session that made room: the edge and the connector need not wait for its time-out; 0 = none
	limited bool            // back was due and was not made
}
