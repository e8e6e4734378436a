//go:build linux

package e2e

import (
	"fmt"
	"testing"
)

// A link of the smallest IPv6 MTU works from the first packet on.
func TestNarrowLink(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping", "curl")
	l := newLab(t, "--link", "laptop-edge:mtu=1280")
	l.serve("server", "http-serve", ":80")
	for _, f := range families {
		l.threeHops(f)
		for size := range 1401 {
			if size%100 > 0 && (size < 1160 || size > 1240) { // all of those about the limit
				continue
			}
			args := []string{"-s", fmt.Sprint(size), f.server}
			if f.flag == "-4" {
				args = append([]string{"-M", "dont"}, args...)
			} else {
				args = append([]string{"-M", "want"}, args...)
				l.exec("laptop", append([]string{"ping", "-n", "-c1", "-W1"}, args...)...) // learns the path MTU
			}
			l.ping("laptop", 1, args...)
		}
		host := f.server
		if f.flag == "-6" {
			host = "[" + host + "]"
		}
		l.download(host, "file", 10_000_000)
		l.upload(host, "file")
	}
}

// The answers of edge and routers come from addresses to which a laptop without default route
// has no way but the device, and strict reverse path filters do not eat them.
func TestStrictLaptop(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ip")
	l := newLab(t)
	settings := `echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter && ip route del default && ip -6 route del default`
	l.run("laptop", "sh", "-c", settings)
	for _, restarted := range []bool{false, true} {
		if restarted { // the client meets them at its start
			l.stop("laptop")
			l.up("laptop")
		}
		for _, f := range families {
			l.traces(fmt.Sprintf("restarted %v:", restarted), f, []string{f.edge, f.connector, f.server})
		}
	}
}
