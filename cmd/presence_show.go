package cmd

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/internal/term"
)

// writePresences writes the roles of a machine for people: a table, and below it what is not as it
// should be.
func writePresences(w io.Writer, list []presence, now time.Time) error {
	t := &term.Table{Empty: "-"}
	t.Row("ROLE", "STATE", "RUNS AS", "LINK")
	for i := range list {
		p := &list[i]
		t.Row(string(p.Role), string(p.State), p.runsAs(), linkWords(p.Status, now))
	}
	if err := t.Print(w); err != nil {
		return err
	}
	for i := range list {
		if err := writeMissing(w, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeMissing says what keeps a role from being ready, and what to do.
func writeMissing(w io.Writer, p *presence) error {
	if p.State == stateReady {
		return nil
	}
	text := cmp.Or(p.Missing, "it does not run; its state is in "+p.StateDir)
	if _, err := fmt.Fprintf(w, "\n%s: %s\n", p.Role, text); err != nil {
		return err
	}
	if p.Hint != "" {
		term.Hint(w, p.Hint)
	}
	return nil
}

// runsAs says in few words whose process the role is, or was to be.
func (p *presence) runsAs() string {
	if p.Process != "" {
		number, _, _ := strings.Cut(p.Process, " (")
		return number
	}
	if p.Service == nil {
		return ""
	}
	return serviceWords(p.Service)
}

// serviceWords says in few words how a service is.
func serviceWords(s *service.State) string {
	words := "service, " + string(s.Activity)
	switch {
	case s.Ended != "":
		words += " (" + s.Ended + ")"
	case !s.Back.IsZero():
		words += " until " + s.Back.Local().Format(time.TimeOnly)
	}
	if !s.AtBoot {
		words += ", not at boot"
	}
	return words
}

// linkWords says in few words what a role is connected to.
func linkWords(s status, now time.Time) string {
	switch s := s.(type) {
	case *client.Status:
		return upWords(s.Link, s.Since, s.Edges, now)
	case *connector.Status:
		return upWords(s.Link, s.Since, s.Edges, now)
	case *edge.Status:
		connectors := 0
		for _, x := range s.Tunnels {
			connectors += len(x.Connectors)
		}
		return term.Count(len(s.Devices), "device") + ", " + term.Count(connectors, "connector")
	}
	return ""
}

// upWords is the link of a node, nil while it has none; edges are those that it tries.
func upWords(l *link.Info, since time.Time, edges []string, now time.Time) string {
	span := now.Sub(since).Round(time.Second)
	switch {
	case l != nil:
		return fmt.Sprintf("up for %s to %s", span, l.Remote)
	case len(edges) == 0:
		return fmt.Sprintf("down for %s", span)
	}
	return fmt.Sprintf("down for %s; it tries %s", span, term.Few(edges))
}
