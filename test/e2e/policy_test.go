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
