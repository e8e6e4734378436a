package cmd

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/term"
)

// writeExplanation says what was decided, for whom, and why.
func writeExplanation(w io.Writer, e *admin.Explanation) error {
	t := &term.Table{Empty: "-"}
	if e.ID != 0 {
		t.Row("decision", e.ID.String())
		t.Row("time", term.Second(e.Time))
	}
	t.Row("principal", principalText(e))
	t.Row("destination", e.Target)
	t.Row("tunnel", tunnelText(e))
	t.Row("answer", answerText(e))
	if e.Now {
		t.Row("today", "allowed: the policy has changed since")
	}
	if err := t.Print(w); err != nil {
		return err
	}
	if len(e.Grants) == 0 {
		_, err := fmt.Fprintln(w, "\nThe policy has no grants: everything is denied.")
		return err
	}
	g := &term.Table{Empty: "-"}
	g.Row("GRANT", "MATCH", "WHY NOT")
	for _, c := range e.Grants {
		match := "no"
		if c.Matched {
			match = "yes"
		}
		g.Row(c.Grant, match, c.Why)
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return g.Print(w)
}

func principalText(e *admin.Explanation) string {
	words := []string{cmp.Or(e.Principal.User, "nobody")}
	if e.Principal.Device != "" {
		words = append(words, "device "+e.Principal.Device)
	}
	if len(e.Principal.Groups) > 0 {
		words = append(words, "groups "+strings.Join(e.Principal.Groups, ", "))
	}
	return strings.Join(words, "; ")
}

// tunnelText says of a packet that is allowed when it would not arrive all the same.
func tunnelText(e *admin.Explanation) string {
	text, answer := cmp.Or(e.Tunnel, "none: no route"), "net unreachable"
	switch {
	case !e.Allowed:
		return text
	case e.Tunnel == "":
	case e.Route != nil && e.Route.Route != nil && e.Route.Route.Connected == 0:
		text, answer = e.Tunnel+": no connector is connected", "host unreachable"
	default:
		return text
	}
	if e.Route != nil && e.Route.Silent {
		return text + ", so it is dropped (unreachable: silent)"
	}
	return text + ", so it is answered with " + answer
}

func answerText(e *admin.Explanation) string {
	if e.Allowed {
		return term.Good("allowed") + " by grant " + e.Grant
	}
	text := term.Bad("denied") + ": no grant matches"
	if e.Count > 1 {
		text += fmt.Sprintf(" (%d times)", e.Count)
	}
	return text
}

// writeApplied says what came of a new policy, and what it has otherwise than the one before.
func writeApplied(w io.Writer, a *admin.Applied) error {
	_, err := fmt.Fprintf(w, "policy applied: %s, %s, %s passed\n", term.Count(a.Grants, "grant"), term.Count(a.Groups, "group"), term.Count(a.Tests, "test"))
	if err != nil {
		return err
	}
	return writeChanges(w, "  ", a.Changes)
}

// maxChanges is how many changes are written for people; --json has all.
const maxChanges = 50

func writeChanges(w io.Writer, indent string, changes []policy.Change) error {
	var b strings.Builder
	for _, c := range changes[:min(maxChanges, len(changes))] {
		b.WriteString(indent + c.String() + "\n")
	}
	if left := len(changes) - maxChanges; left > 0 {
		fmt.Fprintf(&b, "%s… and %d more\n", indent, left)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
