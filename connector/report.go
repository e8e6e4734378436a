package connector

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// WriteText writes the status as people read it.
func (s *Status) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	if s.Link != nil {
		row("link", "up since %s", s.Since.Format(time.RFC3339))
		row("edge", "%s (%s)", s.Link.Remote, s.Edge)
		row("rtt", "%s", s.Link.RTT.Round(10*time.Microsecond))
		mtu := ""
		if !s.Link.Settled {
			mtu = " (still being discovered)"
		}
		row("path mtu", "%d%s", s.Link.PathMTU, mtu)
		row("tunnel", "%s", s.Tunnel)
		row("replica", "%s", s.Replica)
	} else {
		row("link", "down since %s: %s", s.Since.Format(time.RFC3339), s.LastError)
		row("edges", "%v", s.Edges)
	}
	row("icmp", "%s", s.ICMP)
	if s.ICMPHint != "" {
		row("", "to open it: %s", s.ICMPHint)
	}
	row("mappings", "%d", s.Mappings)
	row("udp sessions", "%d", s.Sessions)
	row("tcp flows", "%d", s.Flows)
	names := make([]string, 0, len(s.Reasons))
	for name := range s.Reasons {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		row("packets "+name, "%d", s.Reasons[name])
	}
	return t.Flush()
}
