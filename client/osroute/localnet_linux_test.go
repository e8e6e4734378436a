package osroute

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// A hostile access network gives this host an address in a prefix of its choice, in both families:
// the longest prefix decides (LocalNet). What the kernel says is what counts.
func TestKernelLocalNet(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	before := m.snapshot()
	const tun4, tun6 = "oneping0 100.96.0.5", "oneping0 fd00:1::5"
	for _, tc := range []struct {
		name, addr string
		deny       bool
		ways       map[string]string
	}{
		{"shorter", "172.16.0.77/16", false, map[string]string{"172.16.10.120": tun4, "172.16.11.1": "eth0 172.16.0.77"}},
		{"equal", "172.16.10.77/24", false, map[string]string{"172.16.10.120": tun4, "172.16.10.77": "lo 172.16.10.77"}},
		{"longer", "172.16.10.77/25", false, map[string]string{"172.16.10.120": "eth0 172.16.10.77", "172.16.10.200": tun4}},
		{"longer, deny", "172.16.10.77/25", true, map[string]string{"172.16.10.120": tun4, "172.16.10.200": tun4, "192.168.1.9": "eth0 192.168.1.5"}},
		{"v6 shorter", "fd00:7::77/48", false, map[string]string{"fd00:7::120": tun6, "fd00:7:0:1::1": "eth0 fd00:7::77"}},
		{"v6 equal", "fd00:7::77/64", false, map[string]string{"fd00:7::120": tun6}},
		{"v6 longer", "fd00:7::77/96", false, map[string]string{"fd00:7::120": "eth0 fd00:7::77", "fd00:7::1:0:0:1": tun6}},
		{"v6 longer, deny", "fd00:7::77/96", true, map[string]string{"fd00:7::120": tun6}},
	} {
		r := New(zap.NewNop())
		m.address("eth0", tc.addr)
		if p := netip.MustParsePrefix(tc.addr); p.Addr().Is6() {
			m.localRoute(netip.PrefixFrom(p.Addr(), 128).String())
		}
		cfg := testConfig("172.16.10.0/24", "fd00:7::/64")
		cfg.DenyLAN = tc.deny
		apply(t, r, cfg)
		for dst, want := range tc.ways {
			if got := m.way(dst, nil); got != want {
				t.Errorf("%s: %s goes %q, want %q", tc.name, dst, got, want)
			}
		}
		m.unaddress("eth0", tc.addr)
		m.undo(r, before)
	}
}

// A capture within a connected prefix that is exempt holds, too, when the client was killed, or its
// table emptied.
func TestKernelCaptureWithinExempt(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	m.address("eth0", "172.16.8.77/21")
	r := New(zap.NewNop())
	cfg := testConfig("172.16.0.0/12", "172.16.10.0/24")
	goes := func(when string, want map[string]string) {
		t.Helper()
		for dst, way := range want {
			if got := m.way(dst, nil); got != way {
				t.Errorf("%s: %s goes %q, want %q", when, dst, got, way)
			}
		}
	}
	apply(t, r, cfg)
	goes("up", map[string]string{"172.16.10.120": "oneping0 100.96.0.5", "172.16.9.1": "eth0 172.16.8.77", "172.20.0.1": "oneping0 100.96.0.5"})
	closed := map[string]string{"172.16.10.120": "no route to host", "172.16.9.1": "eth0 172.16.8.77", "172.20.0.1": "no route to host"}
	routes, err := ownRoutes(families{true, true}, baseTable)
	m.must(err)
	m.must(dropAll(routes, dropRoute))
	goes("its table emptied", closed)
	apply(t, r, cfg)
	m.must(m.tun.Close())
	goes("killed", closed)
}

// The gateway stays with the host where its network is captured, with a strict rp_filter too:
// this host answers its ARP requests by the way back to it.
func TestKernelGatewayStays(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	m.route("::/0", "2001:db8:1::ff", "eth0")
	for _, capture := range [][]string{{"192.168.1.0/24", "2001:db8:1::/64"}, {"0.0.0.0/0", "::/0"}} {
		r := New(zap.NewNop())
		cfg := testConfig(capture...)
		cfg.DenyLAN = true
		apply(t, r, cfg)
		for dst, want := range map[string]string{
			"192.168.1.254": "eth0 192.168.1.5", "2001:db8:1::ff": "eth0 2001:db8:1::5",
			"192.168.1.9": "oneping0 100.96.0.5", "2001:db8:1::9": "oneping0 fd00:1::5",
		} {
			if got := m.way(dst, nil); got != want {
				t.Errorf("capture %v: %s goes %q, want %q", capture, dst, got, want)
			}
		}
		m.must(r.Undo())
	}
}

// The rule for the edge is for its UDP port alone: who forges the edge's address in a name service
// takes nothing else out of the tunnel (ServerIP).
func TestKernelServerIP(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	r := New(zap.NewNop())
	cfg := testConfig("172.16.10.0/24")
	cfg.Underlay = []netip.AddrPort{netip.MustParseAddrPort("172.16.10.120:7844")}
	apply(t, r, cfg)
	if got := m.way("172.16.10.120", nil); got != "oneping0 100.96.0.5" {
		t.Errorf("the forged edge's address goes %q", got)
	}
	for _, tc := range []struct {
		network, dst string
		device       string
	}{
		{"udp4", "172.16.10.120:53", "oneping0"}, {"udp4", "172.16.10.120:7844", "eth0"},
	} {
		c, err := net.Dial(tc.network, tc.dst)
		m.must(err)
		_, err = c.Write([]byte("x"))
		m.must(err)
		_ = c.Close()
		if got := m.heard(netip.MustParseAddrPort(tc.dst)); got != tc.device {
			t.Errorf("%s to %s leaves by %s, want %s", tc.network, tc.dst, got, tc.device)
		}
	}
}

// heard returns the device by which a UDP packet for dst leaves.
func (m *machine) heard(dst netip.AddrPort) string {
	m.t.Helper()
	buf := make([]byte, 2000)
	m.must(unix.SetNonblock(int(m.tun.Fd()), true))
	m.must(unix.SetNonblock(int(m.eth0.Fd()), true))
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		for name, f := range map[string]*os.File{"oneping0": m.tun, "eth0": m.eth0} {
			n, err := unix.Read(int(f.Fd()), buf)
			if err != nil && !errors.Is(err, unix.EAGAIN) {
				m.t.Fatal(err)
			}
			if n < 28 || buf[0] != 0x45 || buf[9] != unix.IPPROTO_UDP {
				continue
			}
			to, _ := netip.AddrFromSlice(buf[16:20])
			if netip.AddrPortFrom(to, binary.BigEndian.Uint16(buf[22:])) == dst {
				return name
			}
		}
	}
	m.t.Fatal("nothing left for " + dst.String())
	return ""
}
