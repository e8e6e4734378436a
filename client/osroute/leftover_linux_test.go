package osroute

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
)

// whole is the snapshot and every setting of every interface.
func (m *machine) whole() []string {
	m.t.Helper()
	out := m.snapshot()
	for _, family := range []string{"ipv4", "ipv6"} {
		root := filepath.Join(sysctlRoot, family, "conf")
		m.must(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			out = append(out, fmt.Sprintf("%s %q %v", path, b, err))
			return nil
		}))
	}
	return out
}

func (m *machine) same(what string, before []string) {
	m.t.Helper()
	if d := cmp.Diff(before, m.whole()); d != "" {
		m.t.Errorf("%s: the host is not what it was (-before +after):\n%s", what, d)
	}
}

// killed lets a client with a journal capture on device, and kills it: the kernel removes the
// device, nobody undoes.
func (m *machine) killed(device, journal string, capture ...string) {
	m.t.Helper()
	cfg := testConfig(capture...)
	cfg.Device = device
	r := New(zap.NewNop())
	m.must(r.Adopt(cfg, journal))
	tun := newTUN(m.t, device)
	apply(m.t, r, cfg)
	m.must(tun.Close())
}

func (m *machine) unreachable(when, dst string) {
	m.t.Helper()
	if got := m.way(dst, nil); got != "no route to host" {
		m.t.Errorf("%s %s goes %q, want no route to host", when, dst, got)
	}
}

// bare is a machine without the TUN: that one comes and goes.
func bare(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t)
	m.must(m.tun.Close())
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	eth1 := newTUN(t, "eth1")
	m.sysctl("ipv6/conf/eth1/addr_gen_mode", "1")
	m.must(netlink.LinkSetUp(m.link("eth1")))
	m.address("eth1", "10.7.0.5/16")
	t.Cleanup(func() { _ = eth1.Close() })
	return m
}

func TestKernelKilled(t *testing.T) {
	if namespaced(t) {
		bare(t).cleanUps()
	}
}

func TestKernelKilledWithoutIPv6(t *testing.T) {
	if namespaced(t) {
		m := bare(t)
		m.sysctl("ipv6/conf/all/disable_ipv6", "1")
		m.cleanUps()
	}
}

// cleanUps kills a client and looks at the host after each way to clean up.
func (m *machine) cleanUps() {
	t, before := m.t, m.whole()
	capture := []string{"172.16.0.0/12", "10.0.0.0/8", "fd00:7::/48"}
	for what, clean := range map[string]func(journal string){
		"start and stop": func(journal string) {
			r := New(zap.NewNop())
			m.must(r.Adopt(testConfig(), journal))
			m.unreachable("after Adopt", "172.16.10.120")
			tun := newTUN(t, "oneping0")
			apply(t, r, testConfig("192.0.2.0/24"))
			m.must(r.Undo())
			m.must(tun.Close())
		},
		"start and stop, never applied": func(journal string) {
			r := New(zap.NewNop())
			m.must(r.Adopt(testConfig(), journal))
			m.must(r.Undo())
		},
		"start with another name and stop": func(journal string) {
			cfg := testConfig("172.16.0.0/12")
			cfg.Device = "corp0"
			r := New(zap.NewNop())
			m.must(r.Adopt(cfg, journal))
			tun := newTUN(t, "corp0")
			m.unreachable("before the first Apply", "172.16.10.120")
			apply(t, r, cfg)
			if got := m.way("172.16.10.120", nil); got != "corp0 100.96.0.5" {
				t.Errorf("with another name goes %q", got)
			}
			if got := m.way("10.1.1.1", nil); !strings.HasPrefix(got, "eth0 ") {
				t.Errorf("what is captured no longer goes %q", got)
			}
			m.must(r.Undo())
			m.must(tun.Close())
		},
		"start with another name and be killed, too": func(journal string) {
			m.killed("corp0", journal, "10.0.0.0/8")
			m.unreachable("after two kills", "10.1.1.1")
			m.repaired(journal, "oneping0", false)
		},
		"repair":                   func(journal string) { m.repaired(journal, "oneping0", false) },
		"repair with another name": func(journal string) { m.repaired(journal, "other0", false) },
		"repair without journal": func(journal string) {
			m.must(os.Remove(journal))
			m.repaired(journal, "oneping0", false)
		},
		"repair with a journal of garbage": func(journal string) {
			m.must(os.WriteFile(journal, []byte("{\"format\": 1, \"claims\": [{\"table\": 254, \"prio"), 0o600))
			if got := m.repaired(journal, "oneping0", false); len(got.Notes) != 1 || !strings.Contains(got.Notes[0], journal) {
				t.Errorf("notes = %q", got.Notes)
			}
		},
		"start and stop with a journal of garbage": func(journal string) {
			m.must(os.WriteFile(journal, make([]byte, 1<<20), 0o600))
			warned := 0
			r := New(zap.NewNop().WithOptions(zap.WrapCore(func(zapcore.Core) zapcore.Core { return counting{&warned} })))
			m.must(r.Adopt(testConfig(), journal))
			m.must(r.Undo())
			if warned == 0 {
				t.Error("no word about the journal")
			}
		},
		"start and stop where no journal can be kept": func(journal string) {
			m.must(os.Remove(journal))
			warned := 0
			r := New(zap.NewNop().WithOptions(zap.WrapCore(func(zapcore.Core) zapcore.Core { return counting{&warned} })))
			m.must(r.Adopt(testConfig(), filepath.Join(journal, "no", "such", "place")))
			m.must(r.Undo())
			if warned == 0 {
				t.Error("no word about the journal")
			}
		},
		"repair without journal, of all": func(journal string) {
			m.must(os.Remove(journal))
			if got := m.repaired(journal, "other0", false); !got.Nothing() || len(got.Left) != 1 {
				t.Errorf("repair of another device did %+v", got)
			}
			m.repaired(journal, "other0", true)
		},
	} {
		journal := filepath.Join(t.TempDir(), "host.json")
		m.killed("oneping0", journal, capture...)
		m.unreachable("after the kill", "172.16.10.120")
		clean(journal)
		m.same(what, before)
		if _, err := os.Stat(journal); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the journal is still there (%v)", what, err)
		}
		if got := m.repaired(journal, "oneping0", true); !got.Nothing() || len(got.Left) > 0 {
			t.Errorf("%s: a second repair did %+v", what, got)
		}
	}
}

// counting counts log entries.
type counting struct{ n *int }

func (c counting) Enabled(zapcore.Level) bool        { return true }
func (c counting) With([]zapcore.Field) zapcore.Core { return c }
func (c counting) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return to.AddCore(e, c)
}
func (c counting) Write(zapcore.Entry, []zapcore.Field) error { *c.n++; return nil }
func (c counting) Sync() error                                { return nil }

func (m *machine) repaired(journal, device string, all bool) Repaired {
	m.t.Helper()
	got, err := Repair(journal, device, all)
	m.must(err)
	return got
}

// TestKernelOthersStay shows that nothing is touched that is not ours: another program's rules
// and routes in our places, a running client, and a killed client of another state directory.
func TestKernelOthersStay(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := bare(t)
	for _, x := range []rule{
		{priority: 5000, from: netip.MustParsePrefix("100.96.0.5/32"), table: 7844, suppress: -1}, // the same as ours
		{priority: 5003, to: netip.MustParsePrefix("198.18.0.0/15"), table: 100, suppress: -1},
		{priority: 5004, table: tableMain, suppress: 0},
	} {
		theirs := toRule(x)
		theirs.Protocol = unix.RTPROT_STATIC
		m.must(netlink.RuleAdd(theirs))
	}
	theirs := toRoute(tableRoute{table: 7844, kind: unreachable, dst: netip.MustParsePrefix("198.18.0.0/15"), metric: metricBackstop})
	theirs.Protocol = unix.RTPROT_STATIC
	m.must(netlink.RouteAdd(theirs))
	before := m.whole()
	dir := t.TempDir()
	mine, other := filepath.Join(dir, "mine"), filepath.Join(dir, "other")
	m.killed("oneping0", mine, "172.16.0.0/12", "198.18.0.0/15")
	if got := m.repaired(mine, "oneping0", false); slices.ContainsFunc(got.Rules, func(r string) bool {
		return strings.Contains(r, "lookup 100") || strings.Contains(r, "lookup 254 suppress_prefixlength 0")
	}) {
		t.Errorf("another program's rules are said to be removed: %q", got.Rules)
	}
	m.same("beside another program", before)

	m.killed("oneping1", other, "10.64.0.0/10")
	alone := m.whole()
	m.killed("oneping0", mine, "172.16.0.0/12")
	if got := m.repaired(mine, "oneping0", false); len(got.Left) != 1 || !strings.Contains(got.Left[0], "7846") {
		t.Errorf("left = %q, want that of table 7846", got.Left)
	}
	m.same("beside another killed client", alone)
	m.repaired(other, "oneping1", false)
	m.same("after both", before)

	m.killed("oneping1", other, "10.64.0.0/10")
	running := newTUN(t, "oneping0")
	r := New(zap.NewNop())
	apply(t, r, testConfig("172.16.0.0/12"))
	_, err := Repair(mine, "oneping0", true)
	if err == nil || !strings.Contains(err.Error(), "running") || advice.Of(err) == "" {
		t.Errorf("repair of a running client's device = %v", err)
	}
	if got := m.way("172.16.10.120", nil); got != "oneping0 100.96.0.5" {
		t.Errorf("the running client's traffic goes %q", got)
	}
	m.repaired(other, "oneping1", true) // of all, but of what runs
	if got := m.way("172.16.10.120", nil); got != "oneping0 100.96.0.5" {
		t.Errorf("after the repair of all the running client's traffic goes %q", got)
	}
	m.must(r.Undo())
	m.must(running.Close())
	m.same("in the end", before)
}

// TestKernelForeignJournal shows that a journal of another boot or network namespace is not
// followed.
func TestKernelForeignJournal(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := bare(t)
	journal := filepath.Join(t.TempDir(), "host.json")
	m.killed("oneping1", filepath.Join(t.TempDir(), "other"), "10.64.0.0/10")
	before := m.whole()
	here, err := hereJournal()
	m.must(err)
	for _, j := range []journalCase{{"another boot", here.Namespace}, {here.Boot, "net:[1]"}} {
		m.must(writeJournal(journal, claimsOf(j, "oneping1")))
		r := New(zap.NewNop())
		m.must(r.Adopt(testConfig(), journal))
		m.must(r.Undo())
		m.same(fmt.Sprint(j), before)
		m.must(writeJournal(journal, claimsOf(j, "oneping1")))
		if got := m.repaired(journal, "oneping0", false); len(got.Notes) != 1 {
			t.Errorf("notes = %q", got.Notes)
		}
		m.same(fmt.Sprint(j), before)
	}
}

type journalCase struct{ boot, namespace string }

func claimsOf(c journalCase, device string) journal {
	return journal{Format: journalFormat, Boot: c.boot, Namespace: c.namespace, Claims: []claim{claimOf(withDefaults(Config{Device: device}))}}
}

// TestKernelPersistentDevice shows that a TUN device which was there before is put back:
// settings, MTU, queue, flags, addresses.
func TestKernelPersistentDevice(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := bare(t)
	describe := func() []string {
		attrs := m.link("oneping0").Attrs()
		routers, err := routersOf(m.link("oneping0"))
		m.must(err)
		return append(m.whole(), fmt.Sprint("device ", attrs.MTU, attrs.TxQLen, attrs.RawFlags&(unix.IFF_UP|unix.IFF_MULTICAST), routers))
	}
	for _, up := range []bool{false, true} {
		persistent := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "oneping0"}, Mode: netlink.TUNTAP_MODE_TUN, Flags: netlink.TUNTAP_NO_PI}
		m.must(netlink.LinkAdd(persistent))
		m.must(netlink.LinkSetMTU(m.link("oneping0"), 1337))
		m.sysctl("ipv4/conf/oneping0/rp_filter", "1")
		m.sysctl("ipv6/conf/oneping0/accept_ra", "2")
		m.sysctl("ipv6/conf/oneping0/addr_gen_mode", "1")
		if up {
			m.must(netlink.LinkSetUp(m.link("oneping0")))
		}
		m.address("oneping0", "10.99.0.1/32")
		before := describe()
		journal := filepath.Join(t.TempDir(), "host.json")
		for what, end := range map[string]func(*Router, *os.File){
			"stopped":  func(r *Router, tun *os.File) { m.must(r.Undo()); m.must(tun.Close()) },
			"repaired": func(_ *Router, tun *os.File) { m.must(tun.Close()); m.repaired(journal, "oneping0", false) },
			"started and stopped": func(_ *Router, tun *os.File) {
				m.must(tun.Close())
				r := New(zap.NewNop())
				m.must(r.Adopt(testConfig(), journal))
				m.must(r.Undo())
			},
			"started with another name": func(_ *Router, tun *os.File) {
				m.must(tun.Close())
				r := New(zap.NewNop())
				cfg := testConfig()
				cfg.Device = "corp0"
				m.must(r.Adopt(cfg, journal))
				m.must(r.Undo())
			},
		} {
			r := New(zap.NewNop())
			m.must(r.Adopt(testConfig(), journal))
			tun := openTUN(t, "oneping0")
			m.must(netlink.LinkSetMTU(m.link("oneping0"), 1500))
			apply(t, r, testConfig("172.16.0.0/12"))
			if slices.Equal(describe(), before) {
				t.Fatal("Apply changed nothing")
			}
			end(r, tun)
			if d := cmp.Diff(before, describe()); d != "" {
				t.Errorf("up %v, %s: the device is not what it was (-before +after):\n%s", up, what, d)
			}
		}
		m.must(netlink.LinkDel(m.link("oneping0")))
	}
}

// openTUN opens a persistent device, as a client does.
func openTUN(t *testing.T, name string) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), name)
}
