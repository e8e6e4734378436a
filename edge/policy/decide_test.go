package policy

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

func compiled(t testing.TB, text string) *Compiled {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compile(p, map[string]model.Tunnel{"t1": {ID: "t1", Name: "home"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func target(t testing.TB, s, tunnel string) Target {
	t.Helper()
	x, err := ParseTarget(s)
	if err != nil {
		t.Fatal(err)
	}
	x.Tunnel = tunnel
	return x
}

func TestDecide(t *testing.T) {
	c := compiled(t, good)
	tests := []struct{ device, user, target, tunnel, grant string }{
		{"", "alice@example.com", "icmp 172.16.10.1", "", "eng-lab"},
		{"", "bob@example.com", "tcp 172.16.10.255:65535", "", "eng-lab"},
		{"", "alice@example.com", "udp 172.16.10.1:53", "", "eng-lab"},
		{"", "alice@example.com", "udp 172.16.10.1:54", "", ""},
		{"", "alice@example.com", "icmp 172.16.11.1", "", ""},
		{"", "Alice@example.com", "icmp 172.16.10.1", "", "eng-lab"}, // case is nobody's
		{"", "carol", "icmp 172.16.10.1", "", ""},
		{"", "carol", "tcp 10.0.0.7:22", "", "door"},
		{"", "carol", "tcp 10.0.0.7:443", "", "door"},
		{"", "carol", "tcp 10.0.0.7:8000", "", "door"},
		{"", "carol", "tcp 10.0.0.7:8100", "", "door"},
		{"", "carol", "tcp 10.0.0.7:8101", "", ""},
		{"", "carol", "udp 10.0.0.7:22", "", ""},
		{"", "carol", "icmp 10.0.0.7", "", ""},
		{"", "carol", "tcp 10.0.0.8:22", "", ""},
		{"", "carol", "tcp [fd00::7]:22", "", "door"},
		{"", "carol", "tcp [fd01::7]:22", "", ""},
		{"", "carol", "tcp [fd01::7]:22", "t1", "door"},
		{"", "carol", "tcp [fd01::7]:22", "t2", ""},
		{"d1", "nobody", "tcp 10.0.0.7:22", "", "door"},
		{"d2", "nobody", "tcp 10.0.0.7:22", "", ""},
		{"", "", "tcp 10.0.0.7:22", "", ""},
	}
	for _, tt := range tests {
		p := c.Principal(tt.device, tt.user)
		got := c.Decide(&p, target(t, tt.target, tt.tunnel))
		if got.Grant != tt.grant || got.Allowed != (tt.grant != "") {
			t.Errorf("%s on %q to %s through %q: %+v, want grant %q", tt.user, tt.device, tt.target, tt.tunnel, got, tt.grant)
		}
	}
	var zero Compiled
	p := zero.Principal("d1", "alice@example.com")
	if zero.Decide(&p, target(t, "icmp 172.16.10.1", "")).Allowed {
		t.Error("the zero policy allows")
	}
}

func TestStarGrantsEverything(t *testing.T) {
	c := compiled(t, "grants: [{id: all, who: ['*'], to: ['*'], how: ['*']}]")
	for _, s := range []string{"icmp fd00::1", "tcp 1.2.3.4:1", "udp 1.2.3.4:65535"} {
		p := c.Principal("", "")
		if d := c.Decide(&p, target(t, s, "")); d.Grant != "all" {
			t.Errorf("%s: %+v", s, d)
		}
	}
}

// TestMetadataIsOpenedByName alone, by every kind of address that leads there.
func TestMetadataIsOpenedByName(t *testing.T) {
	wide := compiled(t, `grants: [{id: wide, who: ["*"], to: ["*", "0.0.0.0/0", "::/0", "100.64.0.0/10", "fd00:ec2::/32", "tunnel:home"], how: ["*"]}]`)
	named := compiled(t, `grants: [{id: named, who: ["*"], to: [169.254.169.254, 100.100.100.200, 168.63.129.16, 192.0.0.192, "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::a9fe:a9fe"], how: ["*"]}]`)
	for _, a := range []string{
		"169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::a9fe:a9fe",
	} {
		x := Target{Dst: netip.MustParseAddr(a), Proto: TCP, Port: 80, Tunnel: "t1"}
		p := wide.Principal("d", "alice")
		if d := wide.Decide(&p, x); d.Allowed {
			t.Errorf("%s is reached by %+v", a, d)
		}
		if e := wide.Explain(p, x); len(e.Grants) != 1 || !strings.HasSuffix(e.Grants[0].Why, "by name: it leads to the metadata service of a cloud") {
			t.Errorf("%s: explained as %+v", a, e.Grants)
		}
		if d := named.Decide(&p, x); d.Grant != "named" {
			t.Errorf("%s, named by a grant: %+v", a, d)
		}
	}
	p := wide.Principal("d", "alice")
	if !wide.Decide(&p, Target{Dst: netip.MustParseAddr("100.100.100.201"), Proto: TCP, Port: 80}).Allowed {
		t.Error("its neighbour is not reached")
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	c := compiled(t, good)
	p := c.Principal("d9", "bob@example.com")
	x := target(t, "tcp 172.16.10.1:22", "t1")
	if n := testing.AllocsPerRun(1000, func() {
		if !c.Decide(&p, x).Allowed {
			t.Fatal("denied")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestExplain(t *testing.T) {
	c := compiled(t, good)
	got := c.Explain(c.Principal("d9", "alice@example.com"), target(t, "tcp 10.0.0.7:25", "t1"))
	want := Explanation{
		Principal: Principal{Device: "d9", User: "alice@example.com", Groups: []string{"eng"}},
		Target:    "tcp 10.0.0.7:25", Tunnel: "home",
		Grants: []Considered{
			{Grant: "eng-lab", Why: "to: 10.0.0.7 is not in 172.16.10.0/24"},
			{Grant: "door", Why: "who: alice@example.com, group:eng, device:d9 is not among user:carol, device:d1; how: tcp:25 is not among tcp:22,443,8000-8100"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = c.Explain(c.Principal("", "alice@example.com"), target(t, "icmp 172.16.10.9", ""))
	if !got.Allowed || got.Grant != "eng-lab" || !got.Grants[0].Matched || got.Grants[1].Matched {
		t.Errorf("allowed: %+v", got)
	}
}

func TestCheck(t *testing.T) {
	route := func(a netip.Addr) string {
		if a.Is6() {
			return "t1"
		}
		return ""
	}
	if err := compiled(t, good).Check(route); err != nil {
		t.Errorf("a good policy: %v", err)
	}
	err := compiled(t, `
grants:
  - {id: a, who: [alice], to: [tunnel:home, tunnel:nowhere], how: [icmp]}
tests:
  - {who: alice, accept: ["icmp fd00::1", "tcp [fd00::1]:22"]}
  - {who: alice, deny: [icmp fd00::1]}
  - {who: "device:d", accept: [icmp fd00::1]}
`).Check(route)
	for _, want := range []string{
		`grant a: to: there is no tunnel "nowhere"`,
		"test 1: alice: tcp [fd00::1]:22 is denied and the test expects it accepted",
		"test 2: alice: icmp fd00::1 is accepted by grant a and the test expects it denied",
		"test 3: device:d: icmp fd00::1 is denied and the test expects it accepted",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	var es Errors
	if errors.As(err, &es); len(es) != 4 {
		t.Errorf("%d mistakes, want 4: %v", len(es), err)
	}
}

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, l := compiled(t, good), NewLog()
		p := c.Principal("d9", "carol")
		first, isNew := l.Deny(c, p, target(t, "udp 172.16.10.1:33434", ""))
		if !isNew {
			t.Error("the first denial is not new")
		}
		time.Sleep(sameDenial - time.Second)
		if id, isNew := l.Deny(c, p, target(t, "udp 172.16.10.1:33435", "")); id != first || isNew {
			t.Error("the next probe of a traceroute is another denial")
		}
		if id, _ := l.Deny(c, p, target(t, "tcp 172.16.10.1:22", "")); id == first {
			t.Error("another protocol is the same denial")
		}
		ssh, _ := l.Deny(c, p, target(t, "tcp 172.16.10.1:22", ""))
		if id, _ := l.Deny(c, p, target(t, "tcp 172.16.10.1:80", "")); id == ssh {
			t.Error("another TCP port is the same denial: explain would name the wrong one")
		}
		if id, _ := l.Deny(c, p, target(t, "udp 172.16.10.1:53", "")); id == first {
			t.Error("a name server is the same denial as a traceroute")
		}
		if id, _ := l.Deny(c, c.Principal("d8", "carol"), target(t, "udp 172.16.10.1:33434", "")); id == first {
			t.Error("another device is the same denial")
		}
		time.Sleep(2 * time.Second)
		if id, isNew := l.Deny(c, p, target(t, "udp 172.16.10.1:33434", "")); id == first || !isNew {
			t.Error("half a minute later it is the same denial")
		}
		now := compiled(t, "grants: [{id: all, who: [carol], to: ['*'], how: ['*']}]")
		e, err := l.Explain(first, now)
		if err != nil {
			t.Fatal(err)
		}
		if e.ID != first || e.Count != 2 || e.Target != "udp 172.16.10.1:33434" || e.Allowed || !e.Now || len(e.Grants) != 2 || e.Time.IsZero() {
			t.Errorf("explained as %+v", e)
		}
		if _, err := l.Explain(proto.NewDecisionID(), now); !errors.Is(err, ErrNoDecision) {
			t.Errorf("an unknown id: %v", err)
		}
	})
}

// TestLogIsBounded: a scan of one device pushes out its own denials only.
func TestLogIsBounded(t *testing.T) {
	c, l := compiled(t, good), NewLog()
	other, _ := l.Deny(c, Principal{Device: "other"}, target(t, "icmp 10.0.0.1", ""))
	var ids []proto.DecisionID
	a := netip.MustParseAddr("10.0.0.1")
	for range perDevice + 10 {
		id, _ := l.Deny(c, Principal{Device: "scan"}, Target{Dst: a, Proto: ICMP})
		ids, a = append(ids, id), a.Next()
	}
	for i, id := range ids {
		if _, err := l.Explain(id, nil); (err == nil) != (i >= 10) {
			t.Errorf("denial %d of %d: %v", i, len(ids), err)
		}
	}
	if _, err := l.Explain(other, nil); err != nil {
		t.Errorf("another device's denial: %v", err)
	}
	if n := len(l.ids); n != perDevice+1 {
		t.Errorf("%d ids kept, want %d", n, perDevice+1)
	}
	if n := len(l.devices["scan"].recent); n != perDevice {
		t.Errorf("%d recent denials kept, want %d", n, perDevice)
	}
	for i := range maxDevices {
		l.Deny(c, Principal{Device: "d" + a.String()}, Target{Dst: a, Proto: ICMP})
		a = a.Next()
		if i == 0 {
			l.Deny(c, Principal{Device: "scan"}, Target{Dst: a, Proto: ICMP})
		}
	}
	if n := len(l.devices); n != maxDevices {
		t.Errorf("%d devices kept, want %d", n, maxDevices)
	}
	if _, err := l.Explain(other, nil); err == nil {
		t.Error("the device with the oldest denial was kept")
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"icmp 10.0.0.1", "tcp [fd00::1]:22", "udp 10.0.0.1:53"} {
		for n := range len(s) + 1 {
			f.Add(s[:n])
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := ParseTarget(s)
		if err != nil {
			return
		}
		if y, err := ParseTarget(x.String()); err != nil || y != x {
			t.Fatalf("%q reads as %v, and that as %v (%v)", s, x, y, err)
		}
	})
}
