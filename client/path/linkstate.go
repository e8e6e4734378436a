package path

import (
	"net/netip"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// linkState is what a packet's steps need to know of the link and of what the
// edge has assigned to this device: taken once a batch, not changed afterwards.
type linkState struct {
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
func (st *linkState) innerMTU(v6 bool) int {
	if !st.settled || st.max <= 0 {
		return 0
	}
	n := min(st.max-proto.PacketOverhead, st.max-proto.PayloadOverhead+28)
	if v6 {
		n = max(n, packet.MinMTU6)
	}
	return n
}

// hop returns the address from which the client answers in place of the
// edge: the edge's hop address, and the device's own while that is unknown.
func (st *linkState) hop(v6 bool) netip.Addr {
	hop, own := st.hop4, st.addr4
	if v6 {
		hop, own = st.hop6, st.addr6
	}
	if hop.IsValid() {
		return hop
	}
	return own
}

// self returns the address from which the client answers in its own name: the
// device's, so that "no link" and "no connector" look different.
func (st *linkState) self(v6 bool) netip.Addr {
	if v6 {
		return st.addr6
	}
	return st.addr4
}

// own says whether a is an address of this device.
func (st *linkState) own(a netip.Addr) bool { return a.IsValid() && (a == st.addr4 || a == st.addr6) }

// foreign says whether a is surely no address of this device. Before it has any that is not known.
func (st *linkState) foreign(a netip.Addr) bool {
	return (st.addr4.IsValid() || st.addr6.IsValid()) && !st.own(a)
}

// setAddrs sorts addresses into their families.
func (st *linkState) setAddrs(addrs, hops []netip.Addr) {
	st.addr4, st.addr6 = byFamily(addrs)
	st.hop4, st.hop6 = byFamily(hops)
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
