//go:build linux

package e2e

import (
	"strings"
	"time"

	"github.com/oneping/oneping/test/program"
)

// startClient runs a client by hand on the laptop; it need not have a link.
func (l *lab) startClient(flags ...string) *process {
	l.t.Helper()
	p := l.start("laptop", append([]string{"oneping", "client", "up"}, flags...)...)
	l.poll("the client answers", 10*time.Second, func() bool { return l.exec("laptop", "oneping", "client", "status").code == 0 })
	return p
}

// signalClient sends a signal to the laptop's client: what "lab exec" forwards does not include these.
func (l *lab) signalClient(signal string) {
	l.t.Helper()
	l.run("laptop", "sh", "-c", program.ForEach(" client up ", "kill -"+signal+" ${p#/proc/}"))
}

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

// byHand starts edge, connector and client in a bare lab whose nodes dial the edge at addr, and
// returns the client.
func (l *lab) byHand(addr string) *process {
	l.t.Helper()
	return l.byHandWith("--advertise "+addr+" --hop "+edgeV4+" --hop "+edgeV6, everyone)
}

// byHandWith is byHand with flags of the edge and a policy.
func (l *lab) byHandWith(flags, policy string) *process {
	l.t.Helper()
	l.file("policy.yaml", policy)
	for _, line := range []struct{ node, text string }{
		{"edge", "oneping edge run --listen [::]:7844 " + flags + " &"},
		{"edge", "oneping tunnel create office && oneping route add 172.16.10.0/24 office && oneping route add fd6f:6e65:7069:10::/64 office"},
		{"edge", "oneping policy apply -f policy.yaml && oneping tunnel token office --output connector.token && oneping device token --user alice@example.com --output laptop.token"},
		{"connector", "oneping connector run --token-file connector.token &"},
	} {
		l.typeLine(line.node, line.text)
	}
	client := l.start("laptop", "oneping", "client", "up", "--token-file", "laptop.token")
	client.waitFor(`"link up"`)
	l.t.Cleanup(func() {
		if l.t.Failed() {
			l.t.Logf("%s\n%s", client.what, client.output().stderr)
		}
	})
	return client
}
