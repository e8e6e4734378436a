package cmd

import (
	"time"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/term"
)

// linkState says whether a node is there: a cell of a table.
func linkState(p *admin.Presence, seen time.Time, revoked bool, now time.Time) string {
	switch {
	case revoked:
		return term.Bad("revoked")
	case p != nil:
		up := term.Good("up") + " " + term.Span(now.Sub(p.Since))
		if p.Configuration.Behind() {
			up += ", " + term.Warn(p.Configuration.Numbers())
		}
		return up
	case !seen.IsZero():
		return "seen " + term.Span(now.Sub(seen)) + " ago"
	}
	return "never connected"
}

// writePath adds how the link of p is, to a table about what is at its other end.
func writePath(t *term.Table, p *admin.Presence, node string, now time.Time) {
	if p.Path == nil {
		return
	}
	t.Row("path", p.Path.PathText(now))
	t.Row("loss", p.Path.LossText(node))
}

func remote(p *admin.Presence) string {
	if p == nil {
		return ""
	}
	return p.Remote.String()
}
