package client

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// WriteText writes s for people; now is when it was asked for.
func (s *Status) WriteText(w io.Writer, now time.Time) error {
	t := &term.Table{Empty: "none"}
	t.Row("link", linkLine(s, now))
	if s.LastError != "" && !s.Up {
		t.Row("", s.LastError)
		t.Hint(s.LastHint)
	}
	if s.Identity != nil && s.Identity.Clocks != "" {
		t.Row("clock", s.Identity.Clocks)
	}
	if s.Identity != nil && s.Identity.Unkept != "" {
		t.Row("state", "key and certificate are in memory alone: "+s.Identity.Unkept)
		t.Hint(s.Identity.UnkeptHint)
	}
	if s.Link != nil {
		t.Row("path", pathLine(s, now))
		t.Row("loss", s.Link.LossText("edge"))
	}
	t.Row("device", deviceLine(s))
	t.Row("address", term.List(s.Addrs))
	t.Row("hop", term.List(s.Hops))
	t.Row("captured", term.List(s.Capture))
	if c := s.Configuration; c.Behind() && (c.Applied < c.Newest || s.CaptureError == "") { // else a warning says it
		t.Row("behind", "the host has "+s.Configuration.String()+"; what is newer is not captured yet")
	}
	t.Row("traffic", fmt.Sprintf("%s, %s, %d opening", term.Count(s.Sessions, "UDP session"), term.Count(s.Flows, "TCP flow"), s.Held))
	if m := s.Memory.String(); m != "" {
		t.Row("stuck", m)
	}
	t.Row("packets", obs.Reasons(s.Reasons))
	if s.LogLost > 0 {
		t.Row("log", obs.LostText(s.LogLost))
	}
	if s.Denied > 0 {
		t.Row("denied", term.Count(s.Denied, "time")+": oneping client status --denials")
	}
	if s.Identity != nil && !s.Identity.Expires.IsZero() {
		t.Row("identity", s.Identity.CertificateText(now))
	}
	for _, x := range s.Warnings {
		t.Row(term.Warn("warning"), x.Text)
		t.Hint(x.Hint)
	}
	return t.Print(w)
}

func linkLine(s *Status, now time.Time) string {
	since := now.Sub(s.Since).Round(time.Second)
	if !s.Up {
		return fmt.Sprintf(term.Bad("down")+" for %s; captured traffic is answered with host unreachable", since)
	}
	edge := ""
	if s.Edge != "" {
		edge = " (edge " + s.Edge + ")"
	}
	return fmt.Sprintf(term.Good("up")+" for %s to %s%s", since, s.Link.Remote, edge)
}

func pathLine(s *Status, now time.Time) string {
	path := s.Link.PathText(now)
	if s.InnerMTU > 0 {
		path += fmt.Sprintf(", packets up to %d cross whole", s.InnerMTU)
	}
	return path
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
	var t term.Table
	t.Row("TIME", "ID", "PROTO", "DESTINATION")
	for i := range d {
		t.Row(term.Second(d[i].Time), d[i].ID.String(), d[i].Protocol, d[i].Dst)
	}
	t.Row("why: oneping policy explain ID, on the edge")
	return t.Print(w)
}
