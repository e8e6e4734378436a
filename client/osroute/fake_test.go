package osroute

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// fakeSystem is a host with one routing table, after macOS (one route for a prefix) or Windows
// (one for a prefix and interface, the better metric wins). It implements calls and can fail any
// of them.
type fakeSystem struct {
	windows bool
	table   []fakeRoute
	addrs   []netip.Prefix
	log     []string
	no6     bool

	failAt string // "add-route 10.0.0.0/9": fails once with failErr
	err    error
}

type fakeRoute struct {
	seenRoute
	metric int
}

const (
	fakeDevice = "utun7"
	fakeUplink = "en0"
)

// newFakeSystem has the uplink en0 with 192.168.1.5/24, a default route, and what such a host has
// besides.
func newFakeSystem(windows bool) *fakeSystem {
	s := &fakeSystem{windows: windows}
	s.add("192.168.1.0/24", fakeUplink, false, true)
	s.add("192.168.1.5/32", fakeUplink, false, true)
	s.add("2001:db8:1::/64", fakeUplink, false, true)
	s.add("0.0.0.0/0", fakeUplink, true, false)
	s.add("::/0", fakeUplink, true, false)
	s.add("224.0.0.0/4", fakeUplink, false, false)
	s.add("fe80::/64", fakeUplink, false, true)
	s.add("127.0.0.0/8", "lo0", false, false)
	return s
}

func (s *fakeSystem) add(dst, device string, gateway, byAddress bool) {
	s.table = append(s.table, fakeRoute{seenRoute{mainRoute: mainRoute{netip.MustParsePrefix(dst), device, gateway, byAddress}}, 25})
}

// router says of the route to dst by which router it goes.
func (s *fakeSystem) router(dst, via string) {
	for i := range s.table {
		if s.table[i].dst == netip.MustParsePrefix(dst) {
			s.table[i].via = netip.MustParseAddr(via)
		}
	}
}

func (s *fakeSystem) remove(dst string) {
	s.table = slices.DeleteFunc(s.table, func(r fakeRoute) bool { return r.dst == netip.MustParsePrefix(dst) })
}

// crash is what the system does when the client is killed.
func (s *fakeSystem) crash() {
	s.addrs = nil
	s.table = slices.DeleteFunc(s.table, func(r fakeRoute) bool { return r.device == fakeDevice })
}

// way returns the device that a packet takes, "stop" for a stop, "none" without a route.
func (s *fakeSystem) way(dst string) string {
	a := netip.MustParseAddr(dst)
	best := -1
	for i, r := range s.table {
		if r.dst.Contains(a) && (best < 0 || r.dst.Bits() > s.table[best].dst.Bits() ||
			r.dst.Bits() == s.table[best].dst.Bits() && r.metric < s.table[best].metric) {
			best = i
		}
	}
	switch {
	case best < 0:
		return "none"
	case s.table[best].stop:
		return "stop"
	}
	return s.table[best].device
}

// snapshot is what Undo has to restore.
func (s *fakeSystem) snapshot() []string {
	var out []string
	for _, r := range s.table {
		out = append(out, fmt.Sprint(r.dst, " ", r.device, " ", r.stop))
	}
	for _, p := range s.addrs {
		out = append(out, "address "+p.String())
	}
	slices.Sort(out)
	return out
}

// step logs a call and fails it when asked to.
func (s *fakeSystem) step(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	s.log = append(s.log, call)
	if call == s.failAt {
		s.failAt = ""
		return s.err
	}
	return nil
}

func (s *fakeSystem) errno(darwin, windows syscall.Errno) error {
	if s.windows {
		return windows
	}
	return darwin
}

func (s *fakeSystem) Prepare(device string, mtu int, v6 bool) error {
	return s.step("prepare %s %d %v", device, mtu, v6)
}

func (s *fakeSystem) Addresses(string) ([]netip.Prefix, error) {
	return s.addrs, s.step("addresses")
}

func (s *fakeSystem) AddAddress(_ string, p netip.Prefix) error {
	if err := s.step("add-address %s", p); err != nil {
		return err
	}
	if s.no6 && p.Addr().Is6() {
		return s.errno(darwinEAFNOSUPPORT, winNotFound)
	}
	if slices.Contains(s.addrs, p) {
		return s.errno(darwinEEXIST, winObjectExists)
	}
	s.addrs = append(s.addrs, p)
	return nil
}

func (s *fakeSystem) RemoveAddress(_ string, p netip.Prefix) error {
	if err := s.step("remove-address %s", p); err != nil {
		return err
	}
	i := slices.Index(s.addrs, p)
	if i < 0 {
		return s.errno(darwinEADDRNOTAVAIL, winNotFound)
	}
	s.addrs = slices.Delete(s.addrs, i, i+1)
	return nil
}

func (s *fakeSystem) Routes() ([]seenRoute, error) {
	var out []seenRoute
	for _, r := range s.table {
		out = append(out, r.seenRoute)
	}
	return out, s.step("routes")
}

// find returns the row that r is, or that stands in its way.
func (s *fakeSystem) find(device string, r hostRoute) int {
	return slices.IndexFunc(s.table, func(x fakeRoute) bool {
		return x.dst == r.dst && (!s.windows || x.device == rowDevice(device, r))
	})
}

func rowDevice(device string, r hostRoute) string {
	if r.stop {
		return "lo0"
	}
	return device
}

func kind(r hostRoute) string {
	if r.stop {
		return "stop"
	}
	return "route"
}

func (s *fakeSystem) AddRoute(device string, r hostRoute) error {
	if err := s.step("add-%s %s", kind(r), r.dst); err != nil {
		return err
	}
	if s.no6 && r.dst.Addr().Is6() {
		return s.errno(darwinEAFNOSUPPORT, winNotFound)
	}
	if s.find(device, r) >= 0 {
		return s.errno(darwinEEXIST, winObjectExists)
	}
	row := fakeRoute{seenRoute: seenRoute{mainRoute: mainRoute{dst: r.dst, device: rowDevice(device, r), gateway: r.stop}, stop: r.stop}}
	if r.stop {
		row.metric = windowsStopMetric
	}
	s.table = append(s.table, row)
	return nil
}

func (s *fakeSystem) RemoveRoute(device string, r hostRoute) error {
	if err := s.step("remove-%s %s", kind(r), r.dst); err != nil {
		return err
	}
	i := s.find(device, r)
	if i < 0 {
		return s.errno(darwinESRCH, winNotFound)
	}
	s.table = slices.Delete(s.table, i, i+1)
	return nil
}
