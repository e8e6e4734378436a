//go:build linux

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// victim is what another user's laptop sees.
type victim struct {
	connect, p99 float64 // ms
	rate         float64 // Mbit/s of a download
}

var echoesLine = regexp.MustCompile(`connect ([0-9.]+) ms, p50 [0-9.]+ ms, p99 ([0-9.]+) ms`)

// watch looks at the lab with the eyes of laptop2, which does nothing itself: a new connection and
// keystrokes to a server, whole packets that need the oversize stream, and a download. What does
// not work at all fails the test.
func (l *lab) watch(what string) (v victim) {
	l.t.Helper()
	m := echoesLine.FindStringSubmatch(l.run("laptop2", "tool", "tcp-echoes", "-n", "100", host2V4+":7"))
	if m == nil {
		l.t.Fatal("no times of echoes")
	}
	v.connect, _ = strconv.ParseFloat(m[1], 64)
	v.p99, _ = strconv.ParseFloat(m[2], 64)
	ping := l.run("laptop2", "ping", "-q", "-c", "20", "-i", "0.05", "-W", "2", "-s", "3000", host2V4)
	if !strings.Contains(ping, " 0% packet loss") {
		l.t.Errorf("%s: ping -s 3000:\n%s", what, ping)
	}
	out := l.run("laptop2", "curl", "-sSf", "-m", "60", "-o", "/dev/null", "-w", "%{speed_download}", "http://"+host2V4+"/50000000")
	speed, err := strconv.ParseFloat(out, 64)
	if err != nil {
		l.t.Fatal(err)
	}
	v.rate = speed * 8 / 1e6
	l.t.Logf("%-46s connect %5.1f ms, key p99 %5.1f ms, download %4.0f Mbit/s; RSS %s", what, v.connect, v.p99, v.rate, l.memory())
	return v
}

// memory returns the resident memory of each role.
func (l *lab) memory() string {
	var out []string
	for node, role := range map[string]string{"laptop": "client up", "edge": "edge run", "connector": "connector run"} {
		_, rss := l.processOf(node, role)
		out = append(out, fmt.Sprintf("%s %d MB", node, rss>>10))
	}
	return strings.Join(out, ", ")
}

// Flows whose reader has stopped, in either direction, touch nobody else.
func TestStuckFlows(t *testing.T) {
	needs(t, "curl", "ping")
	counts := []int{2, 60}
	if os.Getenv("ONEPING_STUCK") != "" { // the whole acceptance: a minute more
		counts = []int{2, 10, 1000}
	}
	flag, path := policy(t, everyone)
	l := newLab(t, "--laptops", "2", "--hosts", "2", flag, path)
	l.serve("host2", "tcp-serve", "-mode", "echo", ":7")
	l.serve("host2", "http-serve", ":80")
	l.serve("server", "tcp-serve", "-mode", "endless", ":9000")
	l.serve("server", "tcp-serve", "-mode", "deaf", ":9001")
	alone := l.watch("alone")
	for _, n := range counts {
		l.stuck(alone, strconv.Itoa(n)+" stuck down", "-n", strconv.Itoa(n), serverV4+":9000")
		l.flowsEnd(150 * time.Second)
	}
	// The kernel of a program that died goes on with what it had taken from it, for minutes, as on
	// a direct path.
	for _, n := range counts {
		l.stuck(alone, strconv.Itoa(n)+" stuck up", "-n", strconv.Itoa(n), "-up", serverV4+":9001")
	}
	if os.Getenv("ONEPING_STUCK") != "" {
		hold := l.start("laptop", "tool", "tcp-hold", "-n", "10", "-up", serverV4+":9001")
		hold.until("stuck", 60*time.Second, func(r result) bool { return strings.Contains(r.stderr, "holding") })
		l.run("server", "ip", "link", "set", "eth0", "down")
		l.watch("10 stuck up, the server's cable pulled")
	}
}

// stuck holds flows as the flags say, and looks what others notice of them.
func (l *lab) stuck(alone victim, what string, flags ...string) {
	l.t.Helper()
	hold := l.start("laptop", append([]string{"tool", "tcp-hold"}, flags...)...)
	hold.until("stuck", time.Minute, func(r result) bool { return strings.Contains(r.stderr, "holding") })
	v := l.watch(what)
	if v.connect > alone.connect+1000 || v.p99 > alone.p99+1000 {
		l.t.Errorf("%s: connect %v ms, key %v ms; alone %v and %v", what, v.connect, v.p99, alone.connect, alone.p99)
	}
	l.newRoute(what)
	hold.interrupt()
}

// newRoute adds a route and waits until laptop2 captures it.
func (l *lab) newRoute(what string) {
	l.t.Helper()
	prefix := "10." + strconv.Itoa(len(what)) + "." + strconv.FormatInt(time.Now().UnixNano()%200, 10) + ".0/24"
	began := time.Now()
	l.run("edge", "oneping", "route", "add", prefix, "lab")
	l.poll("route "+prefix+" on the laptop", 10*time.Second, func() bool {
		return strings.Contains(l.run("laptop2", "oneping", "client", "status", "--json"), prefix)
	})
	l.t.Logf("%-46s a new route after %v", what, time.Since(began).Round(10*time.Millisecond))
}

// flowsOn returns the number of flows on each node.
func (l *lab) flowsOn() map[string]int {
	l.t.Helper()
	flows := make(map[string]int)
	for node, role := range map[string]string{"laptop": "client", "edge": "edge", "connector": "connector"} {
		var s struct {
			Flows int `json:"tcp_flows"`
		}
		l.json(node, &s, "oneping", role, "status", "--json")
		flows[node] = s.Flows
	}
	return flows
}

// flowsEnd waits until no flow is left. A reset may be lost on its way into the client: what is
// left then ends with the next probe of a closed window.
func (l *lab) flowsEnd(within time.Duration) {
	l.t.Helper()
	for end := time.Now().Add(within); l.tcpFlows() > 0; <-time.After(time.Second) {
		if time.Now().After(end) {
			l.t.Fatalf("flows left after %v: %v\n%s", within, l.flowsOn(), l.run("laptop", "oneping", "client", "status", "--json"))
		}
	}
}

// An upload is blocked by a server that does not read; then the uploading program dies, and the
// device leaves.
func TestABlockedWriterNoticesTheEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.serve("server", "tcp-serve", "-mode", "deaf", ":9001")
	hold := l.start("laptop", "tool", "tcp-hold", "-n", "4", "-up", serverV4+":9001")
	hold.until("stuck", 60*time.Second, func(r result) bool { return strings.Contains(r.stderr, "holding") })
	if n := l.tcpFlows(); n != 12 {
		t.Fatalf("%d flows on three nodes, want 12", n)
	}
	l.stop("laptop")
	l.poll("end of the device's flows", 20*time.Second, func() bool {
		var e, c struct {
			Flows int `json:"tcp_flows"`
		}
		l.json("edge", &e, "oneping", "edge", "status", "--json")
		l.json("connector", &c, "oneping", "connector", "status", "--json")
		return e.Flows == 0 && c.Flows == 0
	})
}
