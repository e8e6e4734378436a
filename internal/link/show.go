package link

import (
	"fmt"
	"time"

	"github.com/oneping/oneping/internal/term"
)

// PathText says for people how the path of the link is: its round trip and its MTU, since when
// that is what it is, and what it was.
func (i *Info) PathText(now time.Time) string {
	text := fmt.Sprintf("RTT %s, path MTU %d", i.RTT.Round(10*time.Microsecond), i.PathMTU)
	switch {
	case i.PathMTUBefore != 0 && i.Settled:
		text += fmt.Sprintf(" since %s (was %d)", term.Span(now.Sub(i.PathMTUSince)), i.PathMTUBefore)
	case i.PathMTUBefore != 0:
		text += fmt.Sprintf(" (still being discovered; was %d until %s ago)", i.PathMTUBefore, term.Span(now.Sub(i.PathMTUSince)))
	case !i.Settled:
		text += " (still being discovered)"
	}
	if i.Unanswered > 0 {
		text += ", full-size packets unanswered for " + term.Span(i.Unanswered)
	}
	return text
}

// LossText says for people what was lost on the link within the last minute; peer is what is at its
// other end: "edge".
func (i *Info) LossText(peer string) string {
	if i.LossOut.Datagrams == 0 && i.LossIn.Datagrams == 0 {
		return "not known: hardly anything was sent in the last minute"
	}
	return fmt.Sprintf("to the %s %s, from it %s, datagrams of the last minute", peer, i.LossOut, i.LossIn)
}
