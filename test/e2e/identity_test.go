//go:build linux

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Where the lab keeps the state of its roles, in every node's view.
const (
	edgeState   = "/oneping-lab/edge/edge"
	laptopState = "/oneping-lab/laptop/client"
)

// clientStatus is what the tests read of `client status --json`.
type clientStatus struct {
	Up        bool
	Since     time.Time
	LastError string `json:"last_error"`
	Device    string
	Addrs     []netip.Addr
	Identity  struct {
		Expires time.Time `json:"certificate_expires"`
	}
}

func (l *lab) clientStatus(node string) clientStatus {
	l.t.Helper()
	var s clientStatus
	l.json(node, &s, "oneping", "client", "status", "--json")
	return s
}

// logLine is a line that a role has logged.
type logLine struct {
	Time                                            time.Time
	Level, Msg, Error, Reason, Code, Identity, Hint string
	Renewal                                         bool
}

func (l logLine) text() string { return strings.Join([]string{l.Msg, l.Code, l.Reason, l.Error}, ": ") }

// logged waits until a role has logged a line whose texts contain all of parts, and returns the first one.
func (l *lab) logged(node string, parts ...string) logLine {
	l.t.Helper()
	var found logLine
	l.poll(fmt.Sprintf("log of %s: %q", node, parts), 5*time.Second, func() bool {
		for text := range strings.Lines(l.oneping("lab", "logs", "--name", l.name, node).stdout) {
			var line logLine
			if json.Unmarshal([]byte(text), &line) != nil {
				continue // what an edge prints for people
			}
			if found = line; !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line.text(), p) }) {
				return true
			}
		}
		return false
	})
	return found
}

// A revoked device is gone within a second, both sides say why, and it does not
// come back; with a new token its laptop does.
func TestRevokedDevice(t *testing.T) {
	needs(t, "traceroute", "ping")
	l := newLab(t, "--laptops", "2")
	other := l.clientStatus("laptop2")
	ping := l.start("laptop", "ping", "-n", "-i0.1", serverV4)
	ping.waitFor("icmp_seq=3 ")
	device := l.clientStatus("laptop").Device
	began := time.Now()
	l.run("edge", "oneping", "device", "revoke", device)

	end := l.logged("laptop", "link down", "closed by peer: revoked: revoked or deleted by an administrator")
	if took := end.Time.Sub(began); took > time.Second {
		t.Errorf("disconnected %v after it was revoked", took)
	}
	l.logged("edge", "device revoke")
	if line := l.logged("edge", "node disconnected", "revoked or deleted by an administrator"); line.Identity != "oneping://client/"+device {
		t.Errorf("the edge disconnected %+v", line)
	}
	l.logged("edge", "link refused", "revoked", "client "+device+" was revoked")
	l.logged("laptop", "link down", "revoked: client "+device+" was revoked")
	if s := l.clientStatus("laptop"); s.Up || !strings.Contains(s.LastError, "client "+device+" was revoked") {
		t.Errorf("status of the revoked client: %+v", s)
	}
	ping.waitFor("From " + l.deviceAddr(families[0])) // host unreachable, by the client itself
	if now := l.clientStatus("laptop2"); !now.Up || !now.Since.Equal(other.Since) {
		t.Errorf("the other laptop's link: %+v, before %+v", now, other)
	}

	l.run("edge", "sh", "-c", "oneping device token --user alice@example.com >/oneping-lab/laptop/token")
	l.stop("laptop")
	l.up("laptop")
	if now := l.clientStatus("laptop"); !now.Up || now.Device == device {
		t.Errorf("after enrolling again: %+v", now)
	}
	l.wantTrace("after enrolling again", "laptop", []string{"-I", serverV4}, edgeV4, connectorV4, serverV4)
}

// refusal is a node that an edge does not let in.
type refusal struct {
	name string
	node string   // where it runs
	argv []string // without --state-dir
	says string   // what the node says
	hint string
	edge []string // what the edge logs; nil: it never asks the edge
}

// Tokens that are used, expired, rotated or another edge's are refused; node and edge both say why.
func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	short := l.token("device", "token", "--user", "carol@example.com", "--ttl", "1s")
	expired := time.Now().Add(time.Second)
	old := l.token("tunnel", "token", "lab")
	fresh := l.token("tunnel", "token", "lab", "--rotate")
	if old == fresh {
		t.Error("rotate printed the same token again")
	}
	foreign := moved(t, l.otherEdge("device", "token", "--user", "carol@example.com"))
	client := []string{"oneping", "client", "up", "--tun", "oneping9", "--token-file"}
	connector := []string{"oneping", "connector", "run", "--token-file"}
	<-time.After(time.Until(expired)) // its life, which it has to have lived
	for _, c := range []refusal{
		{
			"a used device token", "laptop", append(client, "/oneping-lab/laptop/token"),
			"the edge refused: the token was used already", "make a new one on the edge: oneping device token --user USER",
			[]string{"enrolment refused", "the token was used already"},
		},
		{
			"an expired device token", "laptop", append(client, l.file("short", short)),
			"the edge refused: the token expired", "make a new one on the edge: oneping device token --user USER",
			[]string{"enrolment refused", "the token expired"},
		},
		{
			"a rotated tunnel token", "connector", append(connector, l.file("old", old)),
			"the edge refused: the token was rotated: a newer one replaced it", "print the present one on the edge: oneping tunnel token NAME",
			[]string{"enrolment refused", "the token was rotated: a newer one replaced it"},
		},
		{
			"another edge's token", "laptop", append(client, l.file("foreign", foreign)),
			"the token is for another edge: the authority at this address has another key", "Make a new token there",
			[]string{"enrolment declined by the node", "the token is for another edge: the authority at this address has another key"},
		},
		{
			"a tunnel token for a client", "laptop", append(client, l.file("fresh", fresh)),
			"that is a tunnel token; a client needs a device token", "make one on the edge: oneping device token --user USER", nil,
		},
		{
			"half a token", "laptop", append(client, l.file("half", fresh[:len(fresh)/2])),
			"read token from ", "make a new one on the edge", nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) { l.refuses(t, c) })
	}
	devices := l.edgeStatus().Devices
	if len(devices) != 1 || devices[0].User != "alice@example.com" {
		t.Errorf("connected devices: %+v", devices)
	}
}

// refuses runs the node, which has to end by itself.
func (l *lab) refuses(t *testing.T, c refusal) {
	t.Helper()
	r := l.exec(c.node, append(c.argv, "--state-dir", filepath.Join(l.dir, "refused"))...)
	if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "oneping: error: ") || !strings.Contains(r.stderr, c.says) {
		t.Errorf("exit code %d, want 1 and %q in\n%s%s", r.code, c.says, r.stdout, r.stderr)
	}
	if _, hint, _ := strings.Cut(r.stderr, "\nhint: "); !strings.Contains(hint, c.hint) {
		t.Errorf("no hint %q in\n%s", c.hint, r.stderr)
	}
	if c.edge != nil {
		l.logged("edge", c.edge...)
	}
}

// token runs a command of the edge that prints a token.
func (l *lab) token(args ...string) string {
	l.t.Helper()
	return strings.TrimSpace(l.run("edge", append([]string{"oneping"}, args...)...))
}

// otherEdge starts a second edge, with an authority of its own, beside the
// first, and returns a token of it.
func (l *lab) otherEdge(args ...string) string {
	l.t.Helper()
	dir := l.otherState()
	l.start("edge", "oneping", "edge", "run", "--state-dir", dir, "--listen", "0.0.0.0:7845", "--advertise", edgeDialV4+":7845", "--capture", "172.16.0.0/12").
		waitFor("edge ready")
	return l.token(append(args, "--state-dir", dir)...)
}

func (l *lab) otherState() string { return filepath.Join(l.dir, "edge2") }

// moved returns the token with the address of the first edge.
func moved(t *testing.T, token string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "op1_"))
	if err != nil {
		t.Fatal(err)
	}
	return "op1_" + base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(raw), ":7845", ":7844")))
}

// A node that another edge's authority has let in is no node of this one: neither when
// it pins that authority (it hangs up, and says why), nor when it shows only its certificate.
func TestForeignCertificate(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	token := l.file("foreign", l.otherEdge("device", "token", "--user", "mallory@example.com"))
	dir := filepath.Join(l.dir, "mallory")
	up := []string{"oneping", "client", "up", "--tun", "oneping9", "--state-dir", dir}
	first := l.start("laptop", append(up, "--token-file", token)...)
	first.waitFor("link up")
	first.interrupt()

	l.run("laptop", "sed", "-i", "s/:7845/:7844/", dir+"/node.json")
	second := l.start("laptop", up...)
	second.waitFor("the edge at this address has another authority than the one this node enrolled with")
	l.logged("edge", "link refused in its handshake", "bad certificate")
	second.interrupt()

	// Alice's laptop: its own key and the right pin, and a certificate by the other authority.
	l.stop("laptop")
	l.run("laptop", "tool", "resign", "-ends", "24h", l.otherState(), laptopState)
	third := l.start("laptop", "oneping", "client", "up", "--state-dir", laptopState)
	third.waitFor("refused: the certificate was not signed by this edge's authority")
	l.logged("edge", "link refused", "refused", "the certificate was not signed by this edge's authority")
	if s := l.edgeStatus(); len(s.Devices) != 0 {
		t.Errorf("connected devices: %+v", s.Devices)
	}
}

// Certificates that ended three days ago, a weekend, are renewed at the next
// start: same nodes, same addresses, no token.
func TestExpiredCertificates(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute")
	l := newLab(t)
	before := l.clientStatus("laptop")
	for node, role := range map[string]string{"laptop": "client", "connector": "connector"} {
		l.stop(node)
		l.run(node, "tool", "resign", "-ends", "-72h", edgeState, "/oneping-lab/"+node+"/"+role)
		l.run(node, "sh", "-c", "echo >/oneping-lab/"+node+"/token") // it has done its work
		l.up(node)
		l.logged(node, "renewing an expired certificate")
	}
	renewed := 0
	for text := range strings.Lines(l.oneping("lab", "logs", "--name", l.name, "edge").stdout) {
		var line logLine
		if json.Unmarshal([]byte(text), &line) == nil && line.Msg == "enrolled" && line.Renewal {
			renewed++
		}
	}
	if renewed != 2 {
		t.Errorf("the edge logged %d renewals, want 2", renewed)
	}
	after := l.clientStatus("laptop")
	if !after.Up || after.Device != before.Device || !slices.Equal(after.Addrs, before.Addrs) {
		t.Errorf("renewed to %+v, was %+v", after, before)
	}
	if left := time.Until(after.Identity.Expires); left < 6*24*time.Hour || left > 7*24*time.Hour {
		t.Errorf("the new certificate lasts %v, want seven days", left)
	}
	l.wantTrace("renewed", "laptop", []string{"-I", serverV4}, edgeV4, connectorV4, serverV4)

	l.stop("laptop")
	l.run("laptop", "tool", "resign", "-ends", "-4400h", edgeState, laptopState) // 183 days
	r := l.exec("laptop", "oneping", "client", "up", "--state-dir", laptopState)
	if want := "the edge refused: the certificate expired 183 days ago; renewal works for 180"; r.code != 1 || !strings.Contains(r.stderr, want) || !strings.Contains(r.stderr, "\nhint: enrol again: ") {
		t.Errorf("exit code %d, want 1 and %q in\n%s", r.code, want, r.stderr)
	}
	l.logged("edge", "enrolment refused", "the certificate expired 183 days ago; renewal works for 180")
}

// A second edge on one data directory is told who has it, and the first goes on.
func TestSecondEdgeOnOneDirectory(t *testing.T) {
	needs(t, "traceroute")
	l := newLab(t)
	r := l.exec("edge", "oneping", "edge", "run", "--state-dir", edgeState, "--listen", "127.0.0.1:7845")
	pid := strings.Fields(l.pids()[slices.IndexFunc(l.pids(), func(s string) bool { return strings.HasPrefix(s, "edge ") })])[1]
	for _, part := range []string{
		"oneping: error: data directory " + edgeState + " is in use by process " + pid + " (oneping edge run --state-dir " + edgeState + " ",
		"\nhint: stop that edge first, or give this one another --state-dir",
	} {
		if r.code != 1 || !strings.Contains(r.stderr, part) {
			t.Errorf("exit code %d, want 1 and %q in\n%s", r.code, part, r.stderr)
		}
	}
	l.wantTrace("the first edge", "laptop", []string{"-I", serverV4}, edgeV4, connectorV4, serverV4)
	l.kill("edge") // the lock goes with the process
	l.up("edge")
	l.poll("three hops", 5*time.Second, func() bool {
		return slices.Equal(l.trace("laptop", "-I", serverV4), []string{edgeV4, connectorV4, serverV4})
	})
}
