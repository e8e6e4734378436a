//go:build linux

package e2e

import (
	"testing"
)

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
		{[]string{"policy", "explain", "0000000000000001"}, "no such decision", "ids are kept for the last 128 denials of a device, until the edge restarts; client status --denials lists them, on the edge oneping policy denials"},
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
