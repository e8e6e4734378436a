package cmd

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/oneping/oneping/edge/admin"
)

// table writes aligned columns, without space at the end of a line.
type table struct {
	rows [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// hint says under the last row what to do.
func (t *table) hint(text string) { t.row(" ", "hint: "+text) }

func (t *table) write(w io.Writer) error {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range t.rows {
		for i, c := range r {
			r[i] = cmp.Or(c, "-")
		}
		if _, err := fmt.Fprintln(tw, strings.Join(r, "\t")); err != nil {
			return err
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// join writes a list as one cell.
func join[T fmt.Stringer](list []T) string {
	words := make([]string, len(list))
	for i, x := range list {
		words[i] = x.String()
	}
	return strings.Join(words, ", ")
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

// span writes a duration with one unit.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// linkState says in words whether a node is there.
func linkState(p *admin.Presence, seen time.Time, revoked bool, now time.Time) string {
	switch {
	case revoked:
		return "revoked"
	case p != nil:
		up := "up " + span(now.Sub(p.Since))
		if p.Configuration.Behind() {
			up += ", " + p.Configuration.Numbers()
		}
		return up
	case !seen.IsZero():
		return "seen " + span(now.Sub(seen)) + " ago"
	}
	return "never connected"
}

func remote(p *admin.Presence) string {
	if p == nil {
		return ""
	}
	return p.Remote.String()
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
