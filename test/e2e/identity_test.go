//go:build linux

package e2e

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

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

// A node that another edge's authority has let in is no node of this one: neither when
// it pins that authority (it hangs up, and says why), nor when it shows only its certificate.
func TestForeignCertificate(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	token := l.secret("foreign", l.otherEdge("device", "token", "--user", "mallory@example.com"))
	dir := filepath.Join(l.dir, "mallory")
	up := []string{"oneping", "client", "up", "--tun", "oneping9", "--state-dir", dir}
	first := l.start("laptop", append(up, "--token-file", token)...)
	first.waitFor("link up")
	first.interrupt()

	l.run("laptop", "sed", "-zi", `s/:7845/:7844/; s/,\n  "sha256": "[0-9a-f]*"//`, dir+"/node.json") // and its checksum
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
