//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// apply applies a policy on the edge.
func (l *lab) apply(text string) result {
	l.t.Helper()
	return l.exec("edge", "oneping", "policy", "apply", "-f", l.file("policy.yaml", text))
}

// A policy that takes a grant away ends what runs by it: echo, sessions and
// flows. Another grant of the same policy stays.
func TestPolicyEndsWhatRuns(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "curl")
	flag, path := policy(t, everyone)
	l := newLab(t, "--laptops", "2", flag, path)
	l.start("server", "tool", "http-serve", serverV4+":80", "["+serverV6+"]:80").waitFor("listening")
	l.start("server", "tool", "tcp-serve", serverV4+":7").waitFor("listening")
	l.start("server", "tool", "udp-echo", serverV4+":7").waitFor("listening")
	curl := []string{"curl", "-sS", "--limit-rate", "1M", "-o", "/dev/null"}
	flows := []*process{
		l.start("laptop", append(curl, "http://"+serverV4+"/200000000")...),
		l.start("laptop", append(curl, "http://["+serverV6+"]/200000000")...),
	}
	kept := l.start("laptop2", append(curl, "http://"+serverV4+"/200000000")...)
	ping := l.start("laptop", "ping", "-n", "-i0.1", serverV4)
	ping.waitFor("icmp_seq=3 ")
	l.run("laptop", "tool", "udp-ask", "-sizes", "100", serverV4+":7")
	l.poll("three flows and a session", 5*time.Second, func() bool { s := l.edgeStatus(); return s.Flows == 3 && s.Sessions == 1 })
	began := time.Now()
	if r := l.apply("grants:\n  - {id: bob, who: [bob@example.com], to: [172.16.10.0/24], how: [\"*\"]}\n"); r.code != 0 {
		t.Fatalf("apply: exit code %d\n%s", r.code, r.stderr)
	}
	for _, f := range flows {
		if r := f.wait(5 * time.Second); r.code != 56 || !strings.Contains(r.stderr, "reset by peer") {
			t.Errorf("%s: exit code %d, want 56, reset by peer\n%s", f.what, r.code, r.stderr)
		}
	}
	ping.waitFor("From " + edgeV4 + " icmp_seq=")
	t.Logf("all denied %v after the policy changed", time.Since(began))
	if got := ping.output().stdout; !strings.Contains(got, "Packet filtered") {
		t.Errorf("ping said\n%s", got)
	}
	l.poll("one flow and no session", 5*time.Second, func() bool { s := l.edgeStatus(); return s.Flows == 1 && s.Sessions == 0 })
	udp, _ := l.told("laptop", "udp", serverV4+":7", 10)
	tcp, _ := l.told("laptop", "tcp", serverV4+":7", 10)
	if got := udp + ", " + tcp; got != "read EHOSTUNREACH, connect EHOSTUNREACH" {
		t.Errorf("new sockets are told %s", got)
	}
	if got := l.denials("laptop"); len(got) != 3 { // echo, session, flow
		t.Errorf("denials %v, want icmp, udp and tcp", got)
	}
	if got := kept.output(); got.code != 0 || got.stderr != "" {
		t.Errorf("the other laptop's transfer: exit code %d\n%s", got.code, got.stderr)
	}
	l.run("laptop2", "tool", "udp-ask", "-sizes", "100", serverV4+":7")
	// And back: the same ping goes on.
	seen := strings.Count(ping.output().stdout, "bytes from ")
	if r := l.apply(everyone); r.code != 0 {
		t.Fatalf("apply: exit code %d\n%s", r.code, r.stderr)
	}
	ping.until("replies again", 5*time.Second, func(r result) bool { return strings.Count(r.stdout, "bytes from ") > seen })
}

// said is a command of the edge that is refused, and how.
type said struct {
	argv        []string
	error, hint string
}

func (l *lab) wantSaid(t *testing.T, all []said) {
	t.Helper()
	for _, c := range all {
		r := l.exec("edge", append([]string{"oneping"}, c.argv...)...)
		if want := "oneping: error: " + c.error + "\nhint: " + c.hint + "\n"; r.code != 1 || r.stderr != want || r.stdout != "" {
			t.Errorf("%s: exit code %d, %q, want 1 and\n%s got\n%s", strings.Join(c.argv, " "), r.code, r.stdout, want, r.stderr)
		}
	}
}

// A policy with a fault is refused with its line or with the tests that it fails, and changes nothing.
func TestRefusedPolicies(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	before := l.run("edge", "oneping", "policy", "show")
	file := func(name, text string) []string { return []string{"policy", "apply", "-f", l.file(name, text)} }
	const grants = "grants:\n  - {id: a, who: [alice@example.com], to: [172.16.10.0/24], how: [icmp]}\n"
	l.wantSaid(t, []said{
		{
			file("key", "groups: {}\n"+grants+"  - {id: b, who: [\"*\"], to: [\"*\"], how: [icmp], colour: red}\n"),
			`read policy: line 4: unknown key "colour"`,
			"known here: id, who, to and how; the policy in force stays as it was",
		},
		{
			file("tests", grants+`tests:
  - {who: alice@example.com, accept: ["icmp 172.16.10.120"]}
  - {who: alice@example.com, accept: ["tcp 172.16.10.120:22"], deny: ["icmp 172.16.10.121"]}
`),
			"read policy: test 2: alice@example.com: tcp 172.16.10.120:22 is denied and the test expects it accepted; " +
				"grant a does not allow it: how: tcp:22 is not among icmp\n" +
				"  test 2: alice@example.com: icmp 172.16.10.121 is accepted by grant a and the test expects it denied",
			"the policy in force stays as it was",
		},
	})
	for name, c := range map[string]struct{ text, want string }{
		"a term":         {grants + "  - {id: b, who: [\"*\"], to: [172.16.10.0/33], how: [icmp]}\n", `line 3: grant b: to: "172.16.10.0/33"`},
		"a protocol":     {grants + "  - {id: b, who: [\"*\"], to: [\"*\"], how: [\"sctp:1\"]}\n", `line 3: grant b: how: "sctp:1"`},
		"a group":        {grants + "  - {id: b, who: [group:nobody], to: [\"*\"], how: [icmp]}\n", `line 3: grant b: who: there is no group "nobody"`},
		"the same id":    {grants + "  - {id: a, who: [\"*\"], to: [\"*\"], how: [icmp]}\n", "line 3"},
		"no YAML at all": {"grants: [\n", "line "},
	} {
		r := l.exec("edge", append([]string{"oneping"}, file("fault", c.text)...)...)
		if r.code != 1 || !strings.Contains(r.stderr, c.want) || !strings.Contains(r.stderr, "\nhint: ") {
			t.Errorf("%s: exit code %d, want 1 and %q in\n%s", name, r.code, c.want, r.stderr)
		}
	}
	if after := l.run("edge", "oneping", "policy", "show"); after != before {
		t.Errorf("the policy is now\n%swas\n%s", after, before)
	}
	l.ping("laptop", 1, serverV4)
}

// Commands that cannot be done say why and what to do; then the right order works.
func TestRefusedDeletions(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const list, second = "list them: oneping route list", "fd6f:6e65:7069:10::/64"
	l.wantSaid(t, []said{
		{[]string{"tunnel", "delete", "lab"}, "delete tunnel lab: routes point to it (2)", "delete them first: oneping route delete 172.16.10.0/24; oneping route delete " + second},
		{[]string{"tunnel", "delete", "nope"}, "tunnel nope does not exist", "list them: oneping tunnel list"},
		{[]string{"tunnel", "create", "lab"}, "create tunnel lab: the name is taken", "show it: oneping tunnel show lab"},
		{[]string{"route", "delete", "10.0.0.0/8"}, "route 10.0.0.0/8 does not exist", list},
		{[]string{"route", "delete", "banana"}, `"banana" is not a prefix`, "write it as 10.0.0.0/8, fd00::/64, or one address"},
		{[]string{"route", "add", "172.16.10.0/24", "lab"}, "add route 172.16.10.0/24: it exists already, to tunnel lab", "delete it first: oneping route delete 172.16.10.0/24"},
		{[]string{"route", "add", "172.20.0.0/16", "nope"}, "add route 172.20.0.0/16: tunnel nope does not exist", "create it: oneping tunnel create nope"},
		{[]string{"device", "revoke", "nope"}, "device nope does not exist", "list them: oneping device list"},
		{[]string{"policy", "explain", "0000000000000001"}, "no such decision", "ids are kept for the last 128 denials of a device, until the edge restarts; client status --denials lists them"},
	})
	l.ping("laptop", 1, serverV4)
	for _, prefix := range []string{"172.16.10.0/24", second} {
		l.run("edge", "oneping", "route", "delete", prefix)
	}
	l.run("edge", "oneping", "tunnel", "delete", "lab")
	l.logged("connector", "link down", "closed by peer: revoked: revoked or deleted by an administrator")
	l.logged("edge", "node disconnected", "closed by us: revoked: revoked or deleted by an administrator")
	l.logged("connector", "the edge refused: this edge does not know the token")
	l.logged("edge", "enrolment refused", "this edge does not know the token")
	l.wantTrace("afterwards", "laptop", []string{"-I", serverV4}, edgeV4, edgeV4+" !N")
}
