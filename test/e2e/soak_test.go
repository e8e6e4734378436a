//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// held is what a role holds: its own word (Prometheus) on goroutines, descriptors and memory.
type held struct{ goroutines, descriptors, rss int }

var goLine = regexp.MustCompile(`(?m)^(go_goroutines|process_open_fds|process_resident_memory_bytes) ([0-9.e+]+)$`)

func (l *lab) held(node string) (h held) {
	l.t.Helper()
	for _, m := range goLine.FindAllStringSubmatch(l.run(node, "curl", "-sS", "http://127.0.0.1:9175/metrics"), -1) {
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			l.t.Fatal(err)
		}
		switch m[1] {
		case "go_goroutines":
			h.goroutines = int(v)
		case "process_open_fds":
			h.descriptors = int(v)
		default:
			h.rss = int(v) >> 20
		}
	}
	return h
}

// Stuck, slow, resetting, idle and honest flows and scans run together, and client and connector
// are killed again and again; afterwards the edge, which lived through all of it, holds what it
// held before. ONEPING_SOAK says for how long.
func TestSoak(t *testing.T) {
	needs(t, "curl", "nmap", "ping")
	long := 20 * time.Second
	if s := os.Getenv("ONEPING_SOAK"); s != "" {
		var err error
		if long, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	flag, path := policy(t, everyone)
	l := newLab(t, "--laptops", "2", "--hosts", "2", flag, path)
	l.stop("edge")
	l.start("edge", "oneping", "edge", "run", "--advertise", edgeDialV4+":7844", "--hop", edgeV4, "--hop", edgeV6,
		"--capture", "172.16.0.0/12", "--metrics", "127.0.0.1:9175").waitFor("edge ready")
	l.serve("server", "tcp-serve", "-mode", "endless", ":9000")
	l.serve("server", "tcp-serve", "-mode", "deaf", ":9001")
	l.serve("server", "tcp-serve", "-mode", "early", ":9002")
	l.serve("server", "udp-echo", ":9003")
	l.serve("host2", "tcp-serve", "-mode", "echo", ":7")
	l.serve("host2", "http-serve", ":80")
	works := func() bool {
		return l.exec("laptop2", "ping", "-n", "-c1", "-W1", host2V4).code == 0 && l.exec("laptop", "ping", "-n", "-c1", "-W1", host2V4).code == 0
	}
	l.poll("the lab", 30*time.Second, works)
	l.watch("before")
	before := l.held("edge")

	url := "http://" + host2V4 + "/"
	loop := func(cmd string) []string {
		return []string{"sh", "-c", "while [ ! -e " + filepath.Join(l.dir, "over") + " ]; do " + cmd + " || sleep 0.2; done >/dev/null 2>&1"}
	}
	loads := map[string][][]string{
		"laptop": {
			loop("timeout -s INT 20 tool tcp-hold -n 20 " + serverV4 + ":9000"),
			loop("timeout -s INT 17 tool tcp-hold -n 20 -up " + serverV4 + ":9001"),
			loop("timeout 20 tool tcp-early -n 20 " + serverV4 + ":9002"),
			loop("curl -s -m 20 --limit-rate 500k -o /dev/null " + url + "20000000"),
			loop("timeout 20 tool http-abort -n 10 " + url + "5000000"),
			loop("nmap -n -sn -PS443 --max-rate 200 172.16.10.0/26"),
		},
		"laptop2": {
			loop("curl -s -m 20 -o /dev/null " + url + "20000000"),
			loop("timeout -s INT 19 tool tcp-hold -n 5 " + host2V4 + ":7"),
			loop("timeout 20 tool tcp-echoes -n 500 " + host2V4 + ":7"),
			loop("timeout 20 tool udp-sessions -n 100 " + serverV4 + ":9003"),
			loop("ping -n -c 50 -i 0.1 -s 3000 " + host2V4),
		},
	}
	var running []*process
	for node, all := range loads {
		for _, argv := range all {
			running = append(running, l.start(node, argv...))
		}
	}
	turns := []string{"laptop", "connector", "laptop2"}
	for turn, end := 0, time.Now().Add(long); time.Now().Before(end); turn++ {
		<-time.After(min(time.Minute, long/4))
		node := turns[turn%len(turns)]
		l.kill(node)
		l.up(node)
		h := l.held("edge")
		t.Logf("%v left, %s killed: edge %d goroutines, %d descriptors, %d MB", time.Until(end).Round(time.Second), node, h.goroutines, h.descriptors, h.rss)
	}
	l.file("over", "")
	for _, p := range running {
		p.wait(time.Minute)
	}
	// The kernel of a program that died goes on for minutes with what it had taken from it; a
	// device that leaves ends its flows.
	l.kill("laptop")
	l.up("laptop")
	l.poll("everything works", 30*time.Second, works)
	after, flows := held{}, 0
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); <-time.After(time.Second) {
		after, flows = l.held("edge"), l.tcpFlows()
		if flows == 0 && after.goroutines <= before.goroutines+20 && after.descriptors <= before.descriptors+5 {
			break
		}
	}
	if flows != 0 || after.goroutines > before.goroutines+20 || after.descriptors > before.descriptors+5 {
		t.Errorf("%d flows are left; the edge holds %+v, before %+v", flows, after, before)
	}
	l.watch("afterwards")
	if t.Logf("edge before %+v, afterwards %+v", before, after); after.rss > before.rss+150 {
		t.Errorf("the edge holds %d MB, %d before", after.rss, before.rss)
	}
	if out := l.run("edge", "oneping", "edge", "status"); strings.Contains(out, "stuck") {
		t.Errorf("flows are stuck:\n%s", out)
	}
}
