package connector

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/oneping/oneping/internal/obs"
)

// WriteText writes the status as people read it, in the words of the client's.
func (s *Status) WriteText(w io.Writer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	since := now.Sub(s.Since).Round(time.Second)
	if s.Link != nil {
		row("link", "up for %s to %s (edge %s)", since, s.Link.Remote, s.Edge)
		mtu := ""
		if !s.Link.Settled {
			mtu = " (still being discovered)"
		}
		row("path", "RTT %s, path MTU %d%s", s.Link.RTT.Round(10*time.Microsecond), s.Link.PathMTU, mtu)
		row("tunnel", "%s, connector id %s", s.Tunnel, s.Replica)
	} else {
		row("link", "down for %s to %s", since, strings.Join(s.Edges, ", "))
		if s.LastError != "" {
			row("", "%s", s.LastError)
		}
		if s.LastHint != "" {
			row("", "hint: %s", s.LastHint)
		}
	}
	row("icmp", "%s", s.ICMP)
	if s.ICMPHint != "" {
		row("", "hint: %s", s.ICMPHint)
	}
	if s.Hops == HopsSingle {
		row("hops", "single: the way behind this connector is shown as one hop")
	}
	row("traffic", "%d ICMP mappings, %d UDP sessions, %d TCP flows", s.Mappings, s.Sessions, s.Flows)
	if m := s.Memory.String(); m != "" {
		row("stuck", "%s", m)
	}
	row("packets", "%s", obs.Reasons(s.Reasons))
	return t.Flush()
}
