package osroute

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const inNamespace = "ONEPING_OSROUTE_NAMESPACE"

// namespaced runs the calling test again in a child process with a network namespace of its own,
// without root in a user namespace, too, and returns true in that child; the parent reports the
// child's result. It skips where that is not allowed.
func namespaced(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) == t.Name() {
		return true
	}
	const reason = "needs root, or user namespaces and a readable /dev/net/tun: "
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip(reason, err)
	}
	_ = unix.Close(fd)
	var out bytes.Buffer
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"="+t.Name())
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		t.Skip(reason, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("in its namespace: %v\n%s", err, out.Bytes())
	}
	return false
}

const testMark = 0x31700000

// machine is the inside of a test's namespace: a TUN "oneping0" and an uplink "eth0", itself a
// TUN, so that the test is the network behind both.
type machine struct {
	t         *testing.T
	tun, eth0 *os.File
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, tun: newTUN(t, "oneping0"), eth0: newTUN(t, "eth0")}
	t.Cleanup(func() { runtime.KeepAlive(m) }) // its devices end with their files
	lo, err := netlink.LinkByName("lo")
	m.must(err)
	m.must(netlink.LinkSetUp(lo))
	m.sysctl("ipv4/conf/all/rp_filter", "0")
	m.sysctl("ipv4/conf/eth0/rp_filter", "0")
	m.sysctl("ipv6/conf/eth0/addr_gen_mode", "1")
	m.must(netlink.LinkSetUp(m.link("eth0")))
	m.address("eth0", "192.168.1.5/24")
	m.address("eth0", "2001:db8:1::5/64")
	m.localRoute("2001:db8:1::5/128")
	return m
}

// localRoute waits for the route of an own IPv6 address, which the kernel adds from a work queue.
func (m *machine) localRoute(prefix string) {
	m.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	want := &netlink.Route{Table: unix.RT_TABLE_LOCAL, Dst: toIPNet(netip.MustParsePrefix(prefix))}
	for range 5000 {
		have, err := netlink.RouteListFiltered(unix.AF_INET6, want, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST)
		m.must(err)
		if len(have) > 0 {
			return
		}
		<-tick.C
	}
	m.t.Fatal("no local route for " + prefix)
}

func newTUN(t *testing.T, name string) *os.File {
	t.Helper()
	dev := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TUN, Flags: netlink.TUNTAP_NO_PI, Queues: 1, NonPersist: true}
	if err := netlink.LinkAdd(dev); err != nil {
		t.Fatalf("make %s: %v", name, err)
	}
	return dev.Fds[0]
}

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) link(name string) netlink.Link {
	m.t.Helper()
	l, err := netlink.LinkByName(name)
	m.must(err)
	return l
}

func (m *machine) sysctl(path, value string) {
	m.t.Helper()
	m.must(os.WriteFile(filepath.Join(sysctlRoot, path), []byte(value), 0o644))
}

func (m *machine) address(dev, prefix string) {
	m.t.Helper()
	m.must(netlink.AddrAdd(m.link(dev), &netlink.Addr{IPNet: toIPNet(netip.MustParsePrefix(prefix)), Flags: unix.IFA_F_NODAD}))
}

func (m *machine) unaddress(dev, prefix string) {
	m.t.Helper()
	m.must(netlink.AddrDel(m.link(dev), &netlink.Addr{IPNet: toIPNet(netip.MustParsePrefix(prefix))}))
}

// route adds a route to main; via may be empty.
func (m *machine) route(dst, via, dev string) {
	m.t.Helper()
	r := &netlink.Route{Dst: toIPNet(netip.MustParsePrefix(dst)), LinkIndex: m.link(dev).Attrs().Index, Protocol: unix.RTPROT_STATIC}
	if via != "" {
		r.Gw = net.ParseIP(via)
	} else {
		r.Scope = netlink.SCOPE_LINK
	}
	m.must(netlink.RouteAdd(r))
}

// snapshot is everything that Undo has to restore.
func (m *machine) snapshot() []string {
	m.t.Helper()
	var out []string
	rules, err := netlink.RuleList(netlink.FAMILY_ALL)
	m.must(err)
	for _, x := range rules {
		out = append(out, "rule "+x.String())
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		m.must(err)
		for _, x := range routes {
			out = append(out, "route "+x.String())
		}
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	m.must(err)
	for _, x := range addrs {
		out = append(out, "address "+x.IPNet.String()+" "+strconv.Itoa(x.LinkIndex))
	}
	slices.Sort(out)
	return out
}

// way asks the kernel where a packet goes: "dev src", or the error.
func (m *machine) way(dst string, opts *netlink.RouteGetOptions) string {
	m.t.Helper()
	got, err := netlink.RouteGetWithOptions(net.ParseIP(dst), opts)
	if err != nil {
		return err.Error()
	}
	return m.name(got[0].LinkIndex) + " " + got[0].Src.String()
}

func (m *machine) name(index int) string {
	l, err := netlink.LinkByIndex(index)
	if err != nil {
		return err.Error()
	}
	return l.Attrs().Name
}
