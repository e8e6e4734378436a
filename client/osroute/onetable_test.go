package osroute

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/advice"
)

// parse makes prefixes of strings.
func parse(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func fakeConfig(capture ...string) Config {
	return Config{
		Device: fakeDevice, MTU: 1400,
		Addrs:   parse("100.96.0.5/32", "fd00:1::5/128"),
		Capture: parse(capture...),
		Hops:    []netip.Addr{netip.MustParseAddr("172.68.101.57")},
	}
}

func newOneTable(sys *fakeSystem) *oneTable {
	if sys.windows {
		return &oneTable{sys: sys, judge: windowsFault}
	}
	return &oneTable{sys: sys, judge: darwinFault, halves: true}
}

// eachSystem runs f for both kinds of system.
func eachSystem(t *testing.T, f func(t *testing.T, windows bool)) {
	for _, windows := range []bool{false, true} {
		name := "macOS"
		if windows {
			name = "Windows"
		}
		t.Run(name, func(t *testing.T) { f(t, windows) })
	}
}

func mustApply(t *testing.T, table *oneTable, cfg Config) {
	t.Helper()
	if err := table.Apply(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

func TestOneTableOrder(t *testing.T) {
	for _, tc := range []struct {
		windows bool
		want    []string
	}{
		{false, []string{
			"prepare utun7 1400 true", "addresses", "add-address 100.96.0.5/32", "add-address fd00:1::5/128", "routes",
			"add-stop 172.16.0.0/12", "add-stop fd00:7::/48",
			"add-route 172.16.0.0/13", "add-route 172.24.0.0/13", "add-route 172.68.101.57/32",
			"add-route fd00:7::/49", "add-route fd00:7:0:8000::/49",
		}},
		{true, []string{
			"prepare utun7 1400 true", "addresses", "add-address 100.96.0.5/32", "add-address fd00:1::5/128", "routes",
			"add-stop 172.16.0.0/12", "add-stop 172.68.101.57/32", "add-stop fd00:7::/48",
			"add-route 172.16.0.0/12", "add-route 172.68.101.57/32", "add-route fd00:7::/48",
		}},
	} {
		sys := newFakeSystem(tc.windows)
		before := sys.snapshot()
		table := newOneTable(sys)
		mustApply(t, table, fakeConfig("172.16.0.0/12", "fd00:7::/48"))
		if d := cmp.Diff(tc.want, sys.log); d != "" {
			t.Errorf("windows=%v: calls (-want +got):\n%s", tc.windows, d)
		}
		sys.log = nil
		mustApply(t, table, fakeConfig("172.16.0.0/12", "fd00:7::/48"))
		if d := cmp.Diff([]string{"prepare utun7 1400 true", "addresses", "routes"}, sys.log); d != "" {
			t.Errorf("windows=%v: a second Apply changes nothing (-want +got):\n%s", tc.windows, d)
		}
		sys.log = nil
		if err := table.Undo(); err != nil {
			t.Fatal(err)
		}
		var undo []string
		for _, call := range slices.Backward(tc.want) {
			if rest, ok := strings.CutPrefix(call, "add-"); ok && !strings.HasPrefix(call, "add-address") {
				undo = append(undo, "remove-"+rest)
			}
		}
		undo = append(undo, "remove-address fd00:1::5/128", "remove-address 100.96.0.5/32")
		if d := cmp.Diff(undo, sys.log); d != "" {
			t.Errorf("windows=%v: Undo (-want +got):\n%s", tc.windows, d)
		}
		if d := cmp.Diff(before, sys.snapshot()); d != "" {
			t.Errorf("windows=%v: Undo left something behind (-before +after):\n%s", tc.windows, d)
		}
	}
}

func TestOneTableWays(t *testing.T) {
	eachSystem(t, func(t *testing.T, windows bool) {
		sys := newFakeSystem(windows)
		sys.add("172.16.0.0/12", fakeUplink, true, false)  // as wide as the capture
		sys.add("172.16.10.0/24", fakeUplink, true, false) // static, narrower than the capture
		sys.add("10.9.0.0/16", fakeUplink, false, false)   // static without gateway
		before := sys.snapshot()
		table := newOneTable(sys)
		mustApply(t, table, fakeConfig("172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16", "192.168.1.128/25", "fd00:7::/48", "224.0.0.0/4"))
		for dst, want := range map[string]string{
			"172.16.10.120": fakeDevice,
			"172.31.0.1":    fakeDevice,
			"10.9.1.1":      fakeDevice,
			"10.200.0.1":    fakeDevice,
			"172.68.101.57": fakeDevice,
			"172.68.101.58": fakeUplink,
			"192.168.1.77":  fakeUplink,
			"192.168.1.200": fakeDevice, // a capture within the connected prefix is more specific
			"192.168.2.77":  fakeDevice,
			"fd00:7::120":   fakeDevice,
			"8.8.8.8":       fakeUplink,
			"224.0.0.251":   fakeUplink,
			"127.0.0.1":     "lo0",
		} {
			if got := sys.way(dst); got != want {
				t.Errorf("%s goes to %s, want %s", dst, got, want)
			}
		}
		var texts []string
		for _, w := range table.Warnings() {
			texts = append(texts, w.Text)
		}
		want := []string{
			"part of captured 192.168.0.0/16 is not captured: 192.168.1.0/24 is directly connected on en0",
			"addresses of the local network 192.168.1.0/24 on en0 are captured, and reached through oneping: 192.168.1.128/25",
		}
		if !windows {
			want = append(want, "this host has a route of its own for captured 172.16.0.0/12, which its packets take if the client crashes")
		}
		if d := cmp.Diff(want, texts); d != "" {
			t.Errorf("warnings (-want +got):\n%s", d)
		}
		if err := table.Undo(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, sys.snapshot()); d != "" {
			t.Errorf("Undo (-before +after):\n%s", d)
		}
	})
}

func TestOneTableEverything(t *testing.T) {
	eachSystem(t, func(t *testing.T, windows bool) {
		sys := newFakeSystem(windows)
		before := sys.snapshot()
		table := newOneTable(sys)
		mustApply(t, table, fakeConfig("0.0.0.0/0", "::/0"))
		for dst, want := range map[string]string{
			"8.8.8.8": fakeDevice, "203.0.113.1": fakeDevice, "2001:db8:9::1": fakeDevice,
			"192.168.1.9": fakeUplink, "2001:db8:1::9": fakeUplink, "224.0.0.251": fakeUplink, "fe80::1": fakeUplink,
		} {
			if got := sys.way(dst); got != want {
				t.Errorf("%s goes to %s, want %s", dst, got, want)
			}
		}
		sys.crash()
		for _, dst := range []string{"8.8.8.8", "203.0.113.1", "2001:db8:9::1"} {
			if got := sys.way(dst); got != "stop" {
				t.Errorf("after a crash %s goes to %s, want stop", dst, got)
			}
		}
		next := newOneTable(sys)
		mustApply(t, next, fakeConfig("0.0.0.0/0", "::/0"))
		if got := sys.way("8.8.8.8"); got != fakeDevice {
			t.Errorf("after the restart goes to %s", got)
		}
		if err := next.Undo(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, sys.snapshot()); d != "" {
			t.Errorf("the second process did not undo the first one's stops (-before +after):\n%s", d)
		}
	})
}

func TestOneTableReconfigure(t *testing.T) {
	eachSystem(t, func(t *testing.T, windows bool) {
		sys := newFakeSystem(windows)
		table := newOneTable(sys)
		mustApply(t, table, fakeConfig("172.16.0.0/12", "10.0.0.0/8"))
		cfg := fakeConfig("10.0.0.0/8")
		cfg.Addrs = parse("100.96.0.6/32", "fd00:1::5/128")
		mustApply(t, table, cfg)
		if got := sys.way("172.16.1.1"); got != fakeUplink {
			t.Errorf("no longer captured, goes to %s", got)
		}
		if d := cmp.Diff(parse("fd00:1::5/128", "100.96.0.6/32"), sys.addrs, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
			t.Errorf("addresses (-want +got):\n%s", d)
		}
		// A network with a prefix within the capture is joined, and left again.
		sys.add("10.1.0.0/16", "en1", false, true)
		mustApply(t, table, cfg)
		if got := sys.way("10.1.2.3"); got != "en1" {
			t.Errorf("connected, goes to %s", got)
		}
		sys.remove("10.1.0.0/16")
		mustApply(t, table, cfg)
		if got := sys.way("10.1.2.3"); got != fakeDevice {
			t.Errorf("no longer connected, goes to %s", got)
		}
		// Somebody flushes our routes.
		sys.crash()
		mustApply(t, table, cfg)
		if got := sys.way("10.1.2.3"); got != fakeDevice {
			t.Errorf("after a flush goes to %s", got)
		}
		// Another device: the old one's routes go first.
		other := cfg
		other.Device = "utun8"
		mustApply(t, table, other)
		if got := sys.way("10.1.2.3"); got != "utun8" {
			t.Errorf("on the new device goes to %s", got)
		}
	})
}

func TestOneTableHostRoutes(t *testing.T) {
	eachSystem(t, func(t *testing.T, windows bool) {
		sys := newFakeSystem(windows)
		sys.add("172.16.10.9/32", fakeUplink, true, false)
		table := newOneTable(sys)
		mustApply(t, table, fakeConfig("172.16.0.0/12"))
		want, warned := fakeDevice, 0
		if !windows {
			want, warned = fakeUplink, 1 // one route for a prefix, and a single address has no halves
		}
		if got := sys.way("172.16.10.9"); got != want || len(table.Warnings()) != warned {
			t.Errorf("goes to %s, want %s; warnings %v", got, want, table.Warnings())
		}
	})
}

func TestOneTableWithoutIPv6(t *testing.T) {
	eachSystem(t, func(t *testing.T, windows bool) {
		sys := newFakeSystem(windows)
		sys.no6 = true
		table := newOneTable(sys)
		mustApply(t, table, fakeConfig("172.16.0.0/12", "fd00:7::/48"))
		if got := sys.way("172.16.1.1"); got != fakeDevice {
			t.Errorf("IPv4 goes to %s", got)
		}
		if w := table.Warnings(); len(w) != 1 || !strings.Contains(w[0].Text, "no IPv6") {
			t.Errorf("warnings = %v", w)
		}
	})
}

// TestOneTableErrors fails every call with every documented error. Whatever happens, Undo
// restores the host, and what is harmless does not fail Apply.
func TestOneTableErrors(t *testing.T) {
	darwin := []syscall.Errno{darwinEPERM, darwinESRCH, darwinENXIO, darwinENOMEM, darwinEACCES, darwinEEXIST, darwinENODEV, darwinEAFNOSUPPORT, darwinEADDRNOTAVAIL, darwinENETUNREACH, darwinENOBUFS, 22}
	windows := []syscall.Errno{winFileNotFound, winAccessDenied, winNotEnoughMemory, winNotSupported, winNotFound, winObjectExists, 87}
	cfg := fakeConfig("172.16.0.0/12", "fd00:7::/48")
	eachSystem(t, func(t *testing.T, win bool) {
		clean := newFakeSystem(win)
		mustApply(t, newOneTable(clean), cfg)
		errnos := darwin
		if win {
			errnos = windows
		}
		for _, call := range clean.log {
			for _, errno := range errnos {
				sys := newFakeSystem(win)
				before := sys.snapshot()
				table := newOneTable(sys)
				sys.failAt, sys.err = call, errno
				err := table.Apply(t.Context(), cfg)
				v := table.judge(errno)
				harmless := v == alreadyThere && strings.HasPrefix(call, "add-") || strings.Contains(call, "fd00") && strings.HasPrefix(call, "add-address") && (v == noFamily || v == notThere) ||
					strings.HasPrefix(call, "add-stop fd00") && (v == noFamily || v == notThere)
				if harmless != (err == nil) {
					t.Errorf("%s fails with %d: Apply = %v", call, errno, err)
				}
				hinted := advice.Of(err) != ""
				if err != nil && (!errors.Is(err, errno) || (v == denied || v == deviceGone || v == noMemory) && !hinted) {
					t.Errorf("%s fails with %d: Apply = %v, want a hint", call, errno, err)
				}
				if err := table.Undo(); err != nil {
					t.Errorf("%s failed with %d: Undo = %v", call, errno, err)
				}
				if d := cmp.Diff(before, sys.snapshot()); d != "" {
					t.Errorf("%s failed with %d: Undo left something behind (-before +after):\n%s", call, errno, d)
				}
			}
		}
	})
}

// TestOneTableUndoErrors fails each removal once: what is gone is fine, all the rest is tried,
// and a second Undo finishes.
func TestOneTableUndoErrors(t *testing.T) {
	cfg := fakeConfig("172.16.0.0/12", "fd00:7::/48")
	eachSystem(t, func(t *testing.T, win bool) {
		clean := newFakeSystem(win)
		before := clean.snapshot()
		table := newOneTable(clean)
		mustApply(t, table, cfg)
		clean.log = nil
		if err := table.Undo(); err != nil {
			t.Fatal(err)
		}
		for _, call := range clean.log {
			sys := newFakeSystem(win)
			table := newOneTable(sys)
			mustApply(t, table, cfg)
			sys.failAt, sys.err = call, sys.errno(darwinENOBUFS, winNotEnoughMemory)
			if err := table.Undo(); err == nil {
				t.Errorf("%s failed, Undo did not", call)
			}
			if got := len(sys.snapshot()); got != len(before)+1 {
				t.Errorf("%s failed: %d rows left, want %d: the others must go", call, got, len(before)+1)
			}
			if err := table.Undo(); err != nil {
				t.Errorf("second Undo = %v", err)
			}
			if d := cmp.Diff(before, sys.snapshot()); d != "" {
				t.Errorf("second Undo (-before +after):\n%s", d)
			}
		}
	})
}

func TestOneTableNothing(t *testing.T) {
	sys := newFakeSystem(false)
	table := newOneTable(sys)
	if err := table.Undo(); err != nil || len(sys.log) != 0 {
		t.Errorf("Undo of nothing = %v, calls %v", err, sys.log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := table.Apply(ctx, fakeConfig()); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply = %v, want context.Canceled", err)
	}
}

func TestVerdicts(t *testing.T) {
	if darwinFault(errors.New("x")) != failed || windowsFault(errors.New("x")) != failed {
		t.Error("an error that is not the system's must be a failure")
	}
	if darwinFault(syscall.Errno(22)) != failed || windowsFault(syscall.Errno(87)) != failed {
		t.Error("invalid arguments must be a failure")
	}
}

func TestBid(t *testing.T) {
	for in, want := range map[string][]string{
		"0.0.0.0/0":    {"0.0.0.0/1", "128.0.0.0/1"},
		"10.0.0.0/8":   {"10.0.0.0/9", "10.128.0.0/9"},
		"10.1.2.2/31":  {"10.1.2.2/32", "10.1.2.3/32"},
		"10.1.2.3/32":  {"10.1.2.3/32"},
		"::/0":         {"::/1", "8000::/1"},
		"fd00:7::/48":  {"fd00:7::/49", "fd00:7:0:8000::/49"},
		"fd00:7::/127": {"fd00:7::/128", "fd00:7::1/128"},
	} {
		if got := bid(netip.MustParsePrefix(in), true); !slices.Equal(got, parse(want...)) {
			t.Errorf("bid(%s) = %v, want %v", in, got, want)
		}
		if got := bid(netip.MustParsePrefix(in), false); !slices.Equal(got, parse(in)) {
			t.Errorf("bid(%s) without halves = %v", in, got)
		}
	}
}
