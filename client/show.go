package client

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

// WriteStatus writes s for people; now is when it was asked for.
func WriteStatus(w io.Writer, s *Status, now time.Time) error {
	t := &columns{}
	t.row("link", linkLine(s, now))
	if s.LastError != "" && !s.Up {
		t.row("", s.LastError)
		if s.LastHint != "" {
			t.row("", "hint: "+s.LastHint)
		}
	}
	if s.Link != nil {
		t.row("path", pathLine(s))
	}
	t.row("device", deviceLine(s))
	t.row("address", list(s.Addrs))
	t.row("hop", list(s.Hops))
	t.row("captured", list(s.Capture))
	if s.Configuration.Behind() {
		t.row("behind", "the host has "+s.Configuration.String()+"; what is newer is not captured yet")
	}
	t.row("traffic", fmt.Sprintf("%s, %s, %d opening", count(s.Sessions, "UDP session"), count(s.Flows, "TCP flow"), s.Held))
	if m := s.Memory.String(); m != "" {
		t.row("stuck", m)
	}
	t.row("packets", obs.Reasons(s.Reasons))
	if s.Denied > 0 {
		t.row("denied", count(s.Denied, "time")+": oneping client status --denials")
	}
	if s.Identity != nil && !s.Identity.Expires.IsZero() {
		t.row("identity", fmt.Sprintf("%s, certificate until %s", s.Identity.Identity, s.Identity.Expires.Local().Format(time.DateTime)))
	}
	for _, x := range s.Warnings {
		t.row("warning", x.Text)
		if x.Hint != "" {
			t.row("", "hint: "+x.Hint)
		}
	}
	_, err := io.WriteString(w, t.String())
	return err
}

func linkLine(s *Status, now time.Time) string {
	since := now.Sub(s.Since).Round(time.Second)
	if !s.Up {
		return fmt.Sprintf("down for %s; captured traffic is answered with host unreachable", since)
	}
	edge := ""
	if s.Edge != "" {
		edge = " (edge " + s.Edge + ")"
	}
	return fmt.Sprintf("up for %s to %s%s", since, s.Link.Remote, edge)
}

func pathLine(s *Status) string {
	inner := "still measuring the largest packet"
	if s.InnerMTU > 0 {
		inner = fmt.Sprintf("packets up to %d cross whole", s.InnerMTU)
	}
	return fmt.Sprintf("RTT %s, path MTU %d, %s", s.Link.RTT.Round(10*time.Microsecond), s.Link.PathMTU, inner)
}

func deviceLine(s *Status) string {
	parts := []string{fmt.Sprintf("MTU %d", s.MTU)}
	if s.TUN != "" {
		parts = slices.Insert(parts, 0, s.TUN)
	}
	if s.User != "" {
		parts = append(parts, "user "+s.User)
	}
	if s.Device != "" {
		parts = append(parts, "id "+s.Device)
	}
	return strings.Join(parts, ", ")
}

// WriteDenials writes the denials for people, one a line.
func WriteDenials(w io.Writer, d []proto.Denial) error {
	if len(d) == 0 {
		_, err := fmt.Fprintln(w, "nothing has been denied")
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-19s  %-16s  %-5s  %s\n", "TIME", "ID", "PROTO", "DESTINATION")
	for i := range d {
		fmt.Fprintf(&b, "%-19s  %-16s  %-5s  %s\n", d[i].Time.Local().Format(time.DateTime), d[i].ID, d[i].Protocol, d[i].Dst)
	}
	b.WriteString("why: oneping policy explain ID, on the edge\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// columns aligns rows behind their names.
type columns struct{ b strings.Builder }

func (t *columns) row(name, text string) {
	if text == "" {
		text = "none"
	}
	fmt.Fprintf(&t.b, "%-9s %s\n", name, text)
}

func (t *columns) String() string { return t.b.String() }

func list[T fmt.Stringer](items []T) string {
	parts := make([]string, len(items))
	for i := range items {
		parts[i] = items[i].String()
	}
	return strings.Join(parts, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
