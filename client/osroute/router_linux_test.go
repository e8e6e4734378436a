package osroute

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
)

func testConfig(capture ...string) Config {
	return Config{
		Device:  "oneping0",
		Addrs:   parse("100.96.0.5/32", "fd00:1::5/128"),
		Capture: parse(capture...),
		Hops:    []netip.Addr{netip.MustParseAddr("172.68.101.57"), netip.MustParseAddr("fd00:ed::1")},
		Mark:    testMark,
	}
}

// apply applies cfg and waits until the kernel has the device's IPv6 address in its local table.
func apply(t *testing.T, r *Router, cfg Config) {
	t.Helper()
	if err := r.Apply(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if readSysctl("ipv6", cfg.Device, "disable_ipv6") != 1 {
		(&machine{t: t}).localRoute(cfg.Addrs[1].String())
	}
}

func TestKernelWays(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	m.route("::/0", "2001:db8:1::ff", "eth0")
	m.route("172.16.0.0/12", "192.168.1.1", "eth0") // a static route must not win over the capture
	m.route("10.9.0.0/16", "", "eth0")              // nor one without gateway
	before := m.snapshot()
	r := New(zap.NewNop())
	apply(t, r, testConfig("172.16.0.0/12", "10.9.0.0/16", "192.168.0.0/16", "fd00:7::/48"))

	if routers, err := routersOf(m.link("oneping0")); err != nil || !slices.Equal(routers, []netip.Addr{netip.MustParseAddr("fd00:ed::1")}) {
		t.Errorf("routers among the neighbours: %v, %v", routers, err)
	}
	marked := &netlink.RouteGetOptions{Mark: testMark}
	bound := &netlink.RouteGetOptions{SrcAddr: net.ParseIP("100.96.0.5")}
	for _, tc := range []struct {
		what, dst string
		opts      *netlink.RouteGetOptions
		want      string
	}{
		{"captured", "172.16.10.120", nil, "oneping0 100.96.0.5"},
		{"captured, static on-link route in main", "10.9.1.1", nil, "oneping0 100.96.0.5"},
		{"captured v6", "fd00:7::120", nil, "oneping0 fd00:1::5"},
		{"hop", "172.68.101.57", nil, "oneping0 100.96.0.5"},
		{"hop v6", "fd00:ed::1", nil, "oneping0 fd00:1::5"},
		{"beside the hop", "172.68.101.58", nil, "eth0 192.168.1.5"},
		{"not captured", "8.8.8.8", nil, "eth0 192.168.1.5"},
		{"not captured v6", "2001:db8:9::1", nil, "eth0 2001:db8:1::5"},
		{"connected within a capture", "192.168.1.77", nil, "eth0 192.168.1.5"},
		{"capture around the connected", "192.168.2.77", nil, "oneping0 100.96.0.5"},
		{"own address", "192.168.1.5", nil, "lo 192.168.1.5"},
		{"device address", "100.96.0.5", nil, "lo 100.96.0.5"},
		{"the link's own packets", "172.16.10.120", marked, "eth0 192.168.1.5"},
		{"bound to the device, not captured", "203.0.113.1", bound, "oneping0 <nil>"},
		{"multicast", "224.0.0.251", nil, "eth0 192.168.1.5"},
		{"multicast v6", "ff02::fb", nil, "eth0 2001:db8:1::5"},
	} {
		if got := m.way(tc.dst, tc.opts); got != tc.want {
			t.Errorf("%s: %s goes %q, want %q", tc.what, tc.dst, got, tc.want)
		}
	}
	want := []Warning{partWarning(netip.MustParsePrefix("192.168.0.0/16"), onlink{netip.MustParsePrefix("192.168.1.0/24"), "eth0"})}
	if d := cmp.Diff(want, r.Warnings()); d != "" {
		t.Errorf("warnings (-want +got):\n%s", d)
	}
	after := m.snapshot()
	apply(t, r, testConfig("172.16.0.0/12", "10.9.0.0/16", "192.168.0.0/16", "fd00:7::/48"))
	if d := cmp.Diff(after, m.snapshot()); d != "" {
		t.Errorf("a second Apply changed something (-before +after):\n%s", d)
	}
	m.undo(r, before)
}

// undo checks that nothing is left behind.
func (m *machine) undo(r *Router, before []string) {
	m.t.Helper()
	m.must(r.Undo())
	if d := cmp.Diff(before, m.snapshot()); d != "" {
		m.t.Errorf("Undo left something behind (-before +after):\n%s", d)
	}
	m.must(r.Undo())
}

func TestKernelReconfigure(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	before := m.snapshot()
	r := New(zap.NewNop())
	apply(t, r, testConfig("172.16.0.0/12"))
	small := m.snapshot()
	big := testConfig("0.0.0.0/0", "::/0")
	big.Addrs = parse("100.96.0.6/32", "fd00:1::6/128")
	apply(t, r, big)
	for dst, want := range map[string]string{
		"8.8.8.8":       "oneping0 100.96.0.6",
		"2001:db8:9::1": "oneping0 fd00:1::6",
		"192.168.1.9":   "eth0 192.168.1.5",
		"169.254.3.4":   "eth0 192.168.1.5",
		"224.0.0.251":   "eth0 192.168.1.5",
	} {
		if got := m.way(dst, nil); got != want {
			t.Errorf("%s goes %q, want %q", dst, got, want)
		}
	}
	if got := m.way("8.8.8.8", &netlink.RouteGetOptions{Mark: testMark}); got != "eth0 192.168.1.5" {
		t.Errorf("the link's own packets go %q", got)
	}
	apply(t, r, testConfig("172.16.0.0/12"))
	if d := cmp.Diff(small, m.snapshot()); d != "" {
		t.Errorf("back to the first configuration (-want +got):\n%s", d)
	}
	m.undo(r, before)
}

func TestKernelNeverLeaks(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	before := m.snapshot()
	r := New(zap.NewNop())
	apply(t, r, testConfig("172.16.0.0/12", "192.168.0.0/16", "fd00:7::/48"))
	// The connected prefix goes, its rule is still there, the default route is, too.
	second := newTUN(t, "eth1")
	m.must(netlink.LinkSetUp(m.link("eth1")))
	m.address("eth1", "192.168.7.5/24")
	apply(t, r, testConfig("172.16.0.0/12", "192.168.0.0/16", "fd00:7::/48"))
	if got := m.way("192.168.7.9", nil); got != "eth1 192.168.7.5" {
		t.Errorf("the new connected prefix goes %q", got)
	}
	m.must(second.Close())
	if got := m.way("192.168.7.9", nil); got != "oneping0 100.96.0.5" {
		t.Errorf("the lost connected prefix goes %q, want the TUN", got)
	}
	// The client is killed: the kernel removes the TUN.
	m.must(m.tun.Close())
	for _, dst := range []string{"172.16.10.120", "172.68.101.57", "fd00:7::120", "192.168.7.9"} {
		if got := m.way(dst, nil); got != "no route to host" {
			t.Errorf("without the TUN %s goes %q, want no route to host", dst, got)
		}
	}
	// A new process takes over what the old one left.
	m.tun = newTUN(t, "oneping0")
	r = New(zap.NewNop())
	apply(t, r, testConfig("172.16.0.0/12", "192.168.0.0/16", "fd00:7::/48"))
	if got := m.way("172.16.10.120", nil); got != "oneping0 100.96.0.5" {
		t.Errorf("after a restart goes %q", got)
	}
	m.must(netlink.LinkSetDown(m.link("oneping0")))
	if got := m.way("172.16.10.120", nil); got != "no route to host" {
		t.Errorf("with the TUN down goes %q", got)
	}
	m.must(m.tun.Close())
	m.undo(r, before)
}

// packet4 builds an IPv4 packet with correct checksum and a UDP or ICMP payload without one.
func packet4(src, dst string, proto byte, payload []byte) []byte {
	p := append(make([]byte, 20), payload...)
	p[0], p[8], p[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(p[12:], s[:])
	copy(p[16:], d[:])
	binary.BigEndian.PutUint16(p[10:], checksum(p[:20]))
	return p
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// TestKernelReversePath shows that hops are seen with strict rp_filter and without a default
// route, whatever address the router has: routed, unrouted, or out of a prefix that is connected
// here.
func TestKernelReversePath(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	raw, err := net.ListenPacket("ip4:icmp", "0.0.0.0")
	m.must(err)
	defer raw.Close()
	exceeded := append([]byte{11, 0, 0, 0}, make([]byte, 32)...)
	binary.BigEndian.PutUint16(exceeded[2:], checksum(exceeded))
	r := New(zap.NewNop())
	for _, all := range []string{"0", "1", "2"} {
		m.sysctl("ipv4/conf/all/rp_filter", all)
		apply(t, r, testConfig("172.16.0.0/12"))
		for _, dev := range []string{"0", "1", "2"} {
			m.sysctl("ipv4/conf/oneping0/rp_filter", dev)
			for _, router := range []string{"172.16.10.1", "172.68.101.57", "203.0.113.1", "192.168.1.1"} {
				_, err := m.tun.Write(packet4(router, "100.96.0.5", 1, exceeded))
				m.must(err)
				m.must(raw.SetReadDeadline(time.Now().Add(5 * time.Second)))
				buf := make([]byte, 200)
				_, from, err := raw.ReadFrom(buf)
				if err != nil {
					t.Errorf("all=%s dev=%s: the answer of %s was eaten: %v", all, dev, router, err)
				} else if from.String() != router {
					t.Errorf("all=%s dev=%s: got an answer of %s, want %s", all, dev, from, router)
				}
			}
		}
	}
}

// TestKernelUnderlay shows that the edge's answers are accepted on the uplink while everything is
// captured and its rp_filter is strict, and that this needs Config.Underlay.
func TestKernelUnderlay(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	m.sysctl("ipv4/conf/eth0/rp_filter", "1")
	lc := net.ListenConfig{Control: LinkControl(testMark)}
	conn, err := lc.ListenPacket(t.Context(), "udp4", "0.0.0.0:4000")
	m.must(err)
	defer conn.Close()
	m.must(unix.SetNonblock(int(m.eth0.Fd()), true))
	answer := func() error {
		udp := make([]byte, 12)
		binary.BigEndian.PutUint16(udp, 7844)
		binary.BigEndian.PutUint16(udp[2:], 4000)
		binary.BigEndian.PutUint16(udp[4:], 12)
		_, err := m.eth0.Write(packet4("198.51.100.9", "192.168.1.5", 17, udp))
		m.must(err)
		m.must(conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)))
		_, _, err = conn.ReadFrom(make([]byte, 100))
		return err
	}
	r := New(zap.NewNop())
	cfg := testConfig("0.0.0.0/0")
	apply(t, r, cfg)
	if err := answer(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without Underlay the answer arrived (%v): the rule is not needed any more", err)
	}
	if w := r.Warnings(); len(w) != 1 || !strings.Contains(w[0].Text, "the edge's answers are dropped") {
		t.Errorf("warnings = %v", w)
	}
	cfg.Underlay = []netip.AddrPort{netip.MustParseAddrPort("198.51.100.9:7844")}
	apply(t, r, cfg)
	if err := answer(); err != nil {
		t.Errorf("with Underlay: %v", err)
	}
	if w := r.Warnings(); len(w) != 1 || !strings.Contains(w[0].Text, "ICMP errors") {
		t.Errorf("warnings = %v", w)
	}
	// The marked socket sends by the uplink although everything is captured.
	_, err = conn.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(cfg.Underlay[0]))
	m.must(err)
	if got := readPacket(t, m.eth0, func(p []byte) bool { return p[0]>>4 == 4 && p[9] == 17 }); !bytes.HasSuffix(got, []byte("hello")) {
		t.Errorf("on eth0: %x", got)
	}
}

// readPacket reads packets off a TUN until one matches.
func readPacket(t *testing.T, f *os.File, match func([]byte) bool) []byte {
	t.Helper()
	buf := make([]byte, 65536)
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
		if n, _ := unix.Poll(fds, 100); n == 0 {
			continue
		}
		n, err := unix.Read(int(f.Fd()), buf)
		if err != nil {
			t.Fatal(err)
		}
		if match(buf[:n]) {
			return buf[:n]
		}
	}
	t.Fatal("no such packet")
	return nil
}

func TestKernelWithoutIPv6(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.sysctl("ipv6/conf/all/disable_ipv6", "1")
	before := m.snapshot()
	r := New(zap.NewNop())
	apply(t, r, testConfig("172.16.0.0/12", "fd00:7::/48"))
	if got := m.way("172.16.10.120", nil); got != "oneping0 100.96.0.5" {
		t.Errorf("IPv4 goes %q", got)
	}
	if w := r.Warnings(); len(w) != 1 || !strings.Contains(w[0].Text, "no IPv6") {
		t.Errorf("warnings = %v", w)
	}
	m.undo(r, before)
}

func TestKernelWatch(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	r := New(zap.NewNop())
	cfg := testConfig("192.168.0.0/16")
	apply(t, r, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	applied, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		ended <- r.Watch(ctx, func() {
			if err := r.Apply(ctx, cfg); err != nil {
				t.Error(err)
			}
			applied <- struct{}{}
		})
	}()
	<-applied // Watch listens
	m.address("eth0", "192.168.9.5/24")
	m.eventually(applied, func() bool { return m.ruleFor("192.168.9.0/24") })
	m.must(netlink.AddrDel(m.link("eth0"), &netlink.Addr{IPNet: toIPNet(netip.MustParsePrefix("192.168.9.5/24"))}))
	m.eventually(applied, func() bool { return !m.ruleFor("192.168.9.0/24") })
	rules, err := readRules(claimOf(withDefaults(cfg)), families{true, true})
	m.must(err)
	m.must(dropAll(rules, dropRule)) // what systemd-networkd does to rules it does not know
	m.eventually(applied, func() bool { return m.way("192.168.2.2", nil) == "oneping0 100.96.0.5" })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch = %v", err)
	}
}

// eventually checks after each Apply.
func (m *machine) eventually(applied <-chan struct{}, ok func() bool) {
	m.t.Helper()
	deadline := time.After(5 * time.Second)
	for !ok() {
		select {
		case <-applied:
		case <-deadline:
			m.t.Fatal("Watch did not bring it about")
		}
	}
}

func (m *machine) ruleFor(prefix string) bool {
	rules, err := readRules(claimOf(withDefaults(testConfig())), families{true, true})
	m.must(err)
	return slices.ContainsFunc(rules, func(r rule) bool { return r.to == netip.MustParsePrefix(prefix) })
}

func TestApplyErrors(t *testing.T) {
	r := New(zap.NewNop())
	cfg := testConfig("10.0.0.0/8")
	cfg.Mark = 0
	if err := r.Apply(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no firewall mark") {
		t.Errorf("Apply without mark = %v", err)
	}
	cfg = testConfig("10.0.0.0/8")
	cfg.Device = "oneping-none"
	err := r.Apply(t.Context(), cfg)
	if advice.Of(err) == "" {
		t.Errorf("Apply without device = %v, want a hint", err)
	}
	if err := New(zap.NewNop()).Undo(); err != nil {
		t.Errorf("Undo of nothing = %v", err)
	}
}

// A device that is renamed under the client gets its name back; one that is set down is set up; one
// that is deleted leaves what was captured unreachable, until it is made anew. Routes that somebody
// has flushed are put back.
func TestKernelDeviceChanges(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	r := New(zap.NewNop())
	cfg := testConfig("172.16.0.0/12", "fd00:7::/48")
	goes := func(what, want4, want6 string) {
		t.Helper()
		if got := m.way("172.16.10.120", nil); got != want4 {
			t.Errorf("%s: IPv4 goes %q, want %q", what, got, want4)
		}
		if got := m.way("fd00:7::120", nil); got != want6 {
			t.Errorf("%s: IPv6 goes %q, want %q", what, got, want6)
		}
	}
	const tun4, tun6, nowhere = "oneping0 100.96.0.5", "oneping0 fd00:1::5", "no route to host"
	apply(t, r, cfg)
	m.must(netlink.LinkSetDown(m.link("oneping0")))
	m.must(netlink.LinkSetName(m.link("oneping0"), "vpn0"))
	goes("renamed and down", nowhere, nowhere)
	m.must(netlink.LinkSetUp(m.link("vpn0")))
	apply(t, r, cfg)
	goes("renamed", tun4, tun6)
	m.must(netlink.LinkSetDown(m.link("oneping0")))
	goes("down", nowhere, nowhere)
	apply(t, r, cfg)
	goes("set down", tun4, tun6)
	routes, err := readRoutes(claimOf(withDefaults(cfg)), families{true, true})
	m.must(err)
	m.must(dropAll(slices.DeleteFunc(routes, func(x tableRoute) bool { return x.table != baseTable }), dropRoute))
	goes("flushed", nowhere, nowhere)
	apply(t, r, cfg)
	goes("put back", tun4, tun6)
	m.must(m.tun.Close())
	goes("deleted", nowhere, nowhere)
	if err := r.Apply(t.Context(), cfg); !errors.Is(err, ErrNoDevice) || advice.Of(err) == "" {
		t.Errorf("Apply without a device = %v", err)
	}
	m.tun = newTUN(t, "oneping0")
	apply(t, r, cfg)
	goes("made anew", tun4, tun6)
}
