//go:build linux

package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const edgeDialV6 = "fd6f:6e65:7069:400::1"

// networkChange is what happens to the first uplink of the laptop, and how that one comes back.
type networkChange struct{ name, away, back string }

// firstRoutes are the routes of the laptop's first uplink, which go with its state and its addresses.
const firstRoutes = `
ip route add default via 198.51.100.1
ip route add 192.0.2.1 via 198.51.100.1
ip -6 route add default via fd6f:6e65:7069:200::1 metric 1024
ip -6 route add fd6f:6e65:7069:400::1 via fd6f:6e65:7069:200::1 metric 1024`

var networkChanges = []networkChange{
	{"down", "ip link set eth0 down", "ip link set eth0 up\nip addr add fd6f:6e65:7069:200::2/64 dev eth0 nodad" + firstRoutes},
	{
		"address lost", "ip addr flush dev eth0 scope global\nip route flush dev eth0\nip -6 route flush dev eth0",
		"ip addr add 198.51.100.2/28 dev eth0\nip addr add fd6f:6e65:7069:200::2/64 dev eth0 nodad" + firstRoutes,
	},
	{"routes moved", strings.ReplaceAll(firstRoutes, " add ", " del "), firstRoutes},
}

// linkStatus is what client status says of the link.
type linkStatus struct {
	Up        bool
	LastError string `json:"last_error"`
	Link      *struct {
		Remote  string
		Since   time.Time
		PathMTU int `json:"path_mtu"`
	}
}

func (l *lab) link() linkStatus {
	l.t.Helper()
	var s linkStatus
	l.json("laptop", &s, "oneping", "client", "status", "--json")
	return s
}

// byHand starts edge, connector and client in a bare lab whose nodes dial the edge at addr, and returns the client.
func (l *lab) byHand(addr string) *process {
	l.t.Helper()
	l.file("policy.yaml", everyone)
	for _, line := range []struct{ node, text string }{
		{"edge", "oneping edge run --listen [::]:7844 --advertise " + addr + " --hop " + edgeV4 + " --hop " + edgeV6 + " &"},
		{"edge", "oneping tunnel create office && oneping route add 172.16.10.0/24 office && oneping route add fd6f:6e65:7069:10::/64 office"},
		{"edge", "oneping policy apply -f policy.yaml && oneping tunnel token office > connector.token && oneping device token --user alice@example.com > laptop.token"},
		{"connector", "oneping connector run --token-file connector.token &"},
	} {
		l.readmeLine(line.node, line.text)
	}
	client := l.start("laptop", "oneping", "client", "up", "--token-file", "laptop.token")
	client.waitFor(`"link up"`)
	return client
}

// steady is a ping that says of each request whether it was answered.
type steady struct{ p *process }

var steadyLine = regexp.MustCompile(`(?m)^\[(\d+\.\d+)\] .*icmp_seq=(\d+)(.*)$`)

func (l *lab) steadyPing(dst string) *steady {
	l.t.Helper()
	s := &steady{l.start("laptop", "ping", "-n", "-D", "-i", "0.02", dst)}
	s.p.waitFor("icmp_seq=20 ")
	return s
}

// answers returns the sequence numbers answered and when.
func (s *steady) answers() (at map[int]time.Time, last int) {
	at = make(map[int]time.Time)
	for _, m := range steadyLine.FindAllStringSubmatch(s.p.output().stdout, -1) {
		seq, _ := strconv.Atoi(m[2])
		sec, err := strconv.ParseFloat(m[1], 64)
		if err == nil && strings.Contains(m[3], "ttl=") {
			at[seq], last = time.UnixMicro(int64(sec*1e6)), max(last, seq)
		}
	}
	return at, last
}

// back waits for an answer to a request that left two seconds after a moment.
func (s *steady) back(moment time.Time) {
	s.p.l.t.Helper()
	s.p.until("answers", 20*time.Second, func(result) bool {
		at, last := s.answers()
		return at[last].After(moment.Add(2 * time.Second))
	})
}

// lost returns how many were not answered, of those before the last that was.
func (s *steady) lost() (n, of int) {
	at, last := s.answers()
	for seq := 1; seq < last; seq++ {
		if _, ok := at[seq]; !ok {
			n++
		}
	}
	return n, last
}

// A laptop goes from one network to another and back while pings run: they go on, each with its identifier, over the same
// link, by QUIC migration.
func TestNetworkChanges(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip")
	for name, edge := range map[string]string{"IPv4": edgeDialV4, "IPv6": edgeDialV6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "--second-uplink", "--bare")
			client := l.byHand("[" + edge + "]:7844")
			before := l.link()
			for _, change := range networkChanges {
				server := l.capture("server", "eth0")
				pings := []*steady{l.steadyPing(serverV4), l.steadyPing(serverV6)}
				for _, step := range []string{change.away, change.back} {
					moment := time.Now()
					l.run("laptop", "sh", "-ec", step)
					for _, p := range pings {
						p.back(moment)
					}
				}
				seen := server.stop(nil)
				for _, p := range pings {
					p.p.interrupt()
					n, of := p.lost()
					t.Logf("%s and back: %s: %d lost of %d", change.name, p.p.what, n, of)
					if n > 50 { // a second of two changes
						t.Errorf("%s and back: %s: %d lost of %d", change.name, p.p.what, n, of)
					}
				}
				for _, v6 := range []bool{false, true} {
					if got := requests(seen, v6); len(got) != 1 {
						t.Errorf("%s: the server saw the identifiers %v", change.name, got)
					}
				}
			}
			l.sameLink(before)
			client.followed(6)
		})
	}
}

// sameLink checks that the laptop's link has not been dialled again.
func (l *lab) sameLink(before linkStatus) linkStatus {
	l.t.Helper()
	after := l.link()
	if !after.Up || !after.Link.Since.Equal(before.Link.Since) {
		l.t.Errorf("the link is another one: %+v, it was %+v", after.Link, before.Link)
	}
	return after
}

// followed checks that the client has noticed so many changes of network by itself, not by silence.
func (p *process) followed(n int) {
	p.l.t.Helper()
	if log := p.output().stderr; strings.Count(log, `"the network changed"`) < n || strings.Contains(log, "no longer pass") {
		p.l.t.Errorf("the client noticed not %d changes of network\n%s", n, log)
	}
}

// For two seconds there is no network at all, then one that is narrower: transfers of both directions go on.
func TestNetworkAwayDuringTransfers(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "ip")
	for name, edge := range map[string]string{"IPv4": edgeDialV4, "IPv6": edgeDialV6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "--second-uplink", "--bare")
			client := l.byHand("[" + edge + "]:7844")
			l.serve("server", "http-serve", ":80")
			l.run("edge", "ip", "link", "set", "to-laptop-2", "mtu", "1300")
			l.run("laptop", "ip", "link", "set", "eth1", "mtu", "1300")
			l.run("laptop", "ip", "link", "set", "eth1", "down")
			l.download(serverV4, "up", 40_000_000)
			before := l.link()
			var both sync.WaitGroup
			both.Go(func() { l.download("["+serverV6+"]", "down", 80_000_000, "--limit-rate", "8M") })
			both.Go(func() { l.upload(serverV4, "up", "--limit-rate", "5M") })
			began := l.moved("tx")
			l.poll("the upload is under way", 20*time.Second, func() bool { return l.moved("tx")-began > 5_000_000 })
			l.run("laptop", "sh", "-ec", `ip link set eth0 down
sleep 2
ip link set eth1 up
ip addr add fd6f:6e65:7069:500::2/64 dev eth1 nodad
ip route add default via 192.0.2.17
ip route add 192.0.2.1 via 192.0.2.17
ip -6 route add default via fd6f:6e65:7069:500::1
ip -6 route add fd6f:6e65:7069:400::1 via fd6f:6e65:7069:500::1`)
			both.Wait()
			if after := l.sameLink(before); after.Link.PathMTU > 1300 {
				t.Errorf("path MTU %d on a network of 1300", after.Link.PathMTU)
			}
			client.followed(1)
		})
	}
}
