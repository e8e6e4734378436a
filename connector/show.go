package connector

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
)

// WriteText writes s for people, in the words of the client's; now is when it was asked for.
func (s *Status) WriteText(w io.Writer, now time.Time) error {
	var t term.Table
	row := func(name, format string, args ...any) { t.Row(name, fmt.Sprintf(format, args...)) }
	since := now.Sub(s.Since).Round(time.Second)
	if s.Link != nil {
		row("link", term.Good("up")+" for %s to %s (edge %s)", since, s.Link.Remote, s.Edge)
		t.Row("path", s.Link.PathText(now))
		t.Row("loss", s.Link.LossText("edge"))
		row("tunnel", "%s, connector id %s", s.Tunnel, s.ID)
	} else {
		row("link", term.Bad("down")+" for %s to %s", since, strings.Join(s.Edges, ", "))
		if s.LastError != "" {
			t.Row("", s.LastError)
		}
		t.Hint(s.LastHint)
	}
	if s.Identity != nil && s.Identity.Clocks != "" {
		t.Row("clock", s.Identity.Clocks)
	}
	if s.Identity != nil && s.Identity.Unkept != "" {
		t.Row("state", "key and certificate are in memory alone: "+s.Identity.Unkept)
		t.Hint(s.Identity.UnkeptHint)
	}
	t.Row("icmp", s.ICMP)
	t.Hint(s.ICMPHint)
	if s.Hops == HopsSingle {
		row("hops", "single: the way behind this connector is shown as one hop")
	}
	row("traffic", "%d ICMP mappings, %d UDP sessions, %d TCP flows", s.Mappings, s.Sessions, s.Flows)
	if m := s.Memory.String(); m != "" {
		t.Row("stuck", m)
	}
	t.Row("packets", obs.Reasons(s.Reasons))
	if text := s.Unkept.String(); text != "" {
		t.Row("limits", text)
		t.Hint("a connector without privileges cannot do that: docs/unprivileged.md")
	}
	if s.Identity != nil && !s.Identity.Expires.IsZero() {
		t.Row("identity", s.Identity.CertificateText(now))
	}
	if s.LogLost > 0 {
		t.Row("log", obs.LostText(s.LogLost))
	}
	return t.Print(w)
}
