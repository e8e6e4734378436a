package client

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/client/path"
)

// strangersFor is how long after the last packet of another source the warning about it stands.
const strangersFor = 10 * time.Minute

// strangerWarning is what a person should know about packets that have another source than addrs; false
// where there have been none lately.
func strangerWarning(s path.Strangers, addrs []netip.Addr, device string, now time.Time) (osroute.Warning, bool) {
	if s.Count == 0 || now.Sub(s.At) >= strangersFor {
		return osroute.Warning{}, false
	}
	what := "packets"
	if s.Count == 1 {
		what = "packet"
	}
	w := osroute.Warning{
		Text: fmt.Sprintf("%d %s of another source than this device were refused, the last of %v", s.Count, what, s.Last),
		Hint: "bind the program to no address",
	}
	for _, a := range addrs {
		if a.Is4() == s.Last.Is4() {
			w.Hint += ", or to " + a.String()
		}
	}
	tool := "iptables"
	if s.Last.Is6() {
		tool = "ip6tables"
	}
	w.Hint += fmt.Sprintf("; what comes from containers must be masqueraded: %s -t nat -A POSTROUTING -o %s -j MASQUERADE", tool, device)
	return w, true
}
