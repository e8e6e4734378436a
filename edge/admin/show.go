package admin

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/tabwriter"
	"time"
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
func linkState(p *Presence, seen time.Time, revoked bool, now time.Time) string {
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

func remote(p *Presence) string {
	if p == nil {
		return ""
	}
	return p.Remote.String()
}

func tunnelState(connected, all int) string {
	if all == 0 {
		return "none enrolled"
	}
	return fmt.Sprintf("%d of %d up", connected, all)
}

// WriteTunnels lists tunnels for people.
func WriteTunnels(w io.Writer, tunnels []Tunnel) error {
	t := &table{}
	t.row("NAME", "CONNECTORS", "ROUTES", "CREATED")
	for _, x := range tunnels {
		t.row(x.Name, tunnelState(x.Connected(), len(x.Connectors)), join(x.Routes), day(x.Created))
	}
	return t.write(w)
}

// WriteTunnel shows one tunnel.
func WriteTunnel(w io.Writer, x *Tunnel, now time.Time) error {
	t := &table{}
	t.row("name", x.Name)
	t.row("id", x.ID)
	t.row("created", day(x.Created))
	t.row("routes", join(x.Routes))
	if len(x.Connectors) == 0 {
		t.row("connectors", "none enrolled")
		return t.write(w)
	}
	if err := t.write(w); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return WriteConnectors(w, x.Connectors, now)
}

// WriteConnectors lists the connectors of a tunnel.
func WriteConnectors(w io.Writer, connectors []Connector, now time.Time) error {
	t := &table{}
	t.row("CONNECTOR", "HOST", "STATE", "FROM", "ICMP", "SYSTEM")
	for _, c := range connectors {
		icmp := ""
		if c.Link != nil {
			icmp = c.Link.ICMP
		}
		t.row(c.ID, c.Hostname, linkState(c.Link, c.LastSeen, c.Revoked, now), remote(c.Link), icmp, c.OS)
	}
	return t.write(w)
}

// WriteRoutes lists routes.
func WriteRoutes(w io.Writer, routes []Route) error {
	t := &table{}
	t.row("PREFIX", "TUNNEL", "CONNECTORS", "CREATED")
	for _, r := range routes {
		t.row(r.Prefix.String(), r.Tunnel, fmt.Sprintf("%d up", r.Connected), day(r.Created))
	}
	return t.write(w)
}

// WriteLookup says where an address goes.
func WriteLookup(w io.Writer, l *Lookup, now time.Time) error {
	captured := "clients leave it to their own network: it is not captured"
	if l.Captured {
		captured = "clients send it into oneping"
	}
	t := &table{}
	t.row("address", l.Addr.String())
	t.row("captured", captured)
	if l.Route == nil {
		t.row("route", "none: "+l.refusal("net unreachable", "!N"))
		t.hint("oneping route add PREFIX TUNNEL")
		return t.write(w)
	}
	t.row("route", l.Route.Prefix.String())
	t.row("tunnel", l.Route.Tunnel)
	if l.Route.Connected == 0 {
		t.row("connectors", "none connected: "+l.refusal("host unreachable", "!H"))
		t.hint("on the machine of a connector: oneping connector status; oneping connector check")
	} else {
		t.row("connectors", fmt.Sprintf("%d connected", l.Route.Connected))
	}
	if err := t.write(w); err != nil || len(l.Connectors) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return WriteConnectors(w, l.Connectors, now)
}

// refusal says what becomes of packets that policy grants and that this edge cannot pass on.
func (l *Lookup) refusal(answer, mark string) string {
	if l.Silent {
		return "what policy grants is dropped (unreachable: silent), traceroute prints stars"
	}
	return "what policy grants is answered with " + answer + ", traceroute prints " + mark
}

// WritePrefixes lists prefixes, one a line.
func WritePrefixes(w io.Writer, prefixes []netip.Prefix) error {
	for _, p := range prefixes {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	return nil
}

// WriteDevices lists devices.
func WriteDevices(w io.Writer, devices []Device, now time.Time) error {
	t := &table{}
	t.row("DEVICE", "USER", "HOST", "ADDRESS", "STATE", "FROM")
	for _, d := range devices {
		t.row(d.ID, d.User, d.Name, d.Addr4.String(), linkState(d.Link, d.LastSeen, d.Revoked, now), remote(d.Link))
	}
	return t.write(w)
}

// WriteDevice shows one device.
func WriteDevice(w io.Writer, d *Device, now time.Time) error {
	t := &table{}
	t.row("device", d.ID)
	t.row("user", d.User)
	t.row("host", d.Name)
	t.row("system", d.OS)
	t.row("addresses", d.Addr4.String()+", "+d.Addr6.String())
	t.row("enrolled", day(d.Created))
	t.row("state", linkState(d.Link, d.LastSeen, d.Revoked, now))
	if d.Link != nil {
		t.row("from", d.Link.Remote.String())
		t.row("version", d.Link.Version)
		if d.Link.Configuration.Behind() {
			t.row("behind", "it has "+d.Link.Configuration.String()+"; what is newer is not captured there yet")
		}
	}
	return t.write(w)
}

// WriteExplanation says what was decided, for whom, and why.
func WriteExplanation(w io.Writer, e *Explanation) error {
	t := &table{}
	if e.ID != 0 {
		t.row("decision", e.ID.String())
		t.row("time", e.Time.Local().Format("2006-01-02 15:04:05"))
	}
	t.row("principal", principalText(e))
	t.row("destination", e.Target)
	t.row("tunnel", tunnelText(e))
	t.row("answer", answerText(e))
	if e.Now {
		t.row("today", "allowed: the policy has changed since")
	}
	if err := t.write(w); err != nil {
		return err
	}
	if len(e.Grants) == 0 {
		_, err := fmt.Fprintln(w, "\nThe policy has no grants: everything is denied.")
		return err
	}
	g := &table{}
	g.row("GRANT", "MATCH", "WHY NOT")
	for _, c := range e.Grants {
		match := "no"
		if c.Matched {
			match = "yes"
		}
		g.row(c.Grant, match, c.Why)
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return g.write(w)
}

func principalText(e *Explanation) string {
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
func tunnelText(e *Explanation) string {
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

func answerText(e *Explanation) string {
	if e.Allowed {
		return "allowed by grant " + e.Grant
	}
	text := "denied: no grant matches"
	if e.Count > 1 {
		text += fmt.Sprintf(" (%d times)", e.Count)
	}
	return text
}

// WriteApplied says what came of a new policy.
func WriteApplied(w io.Writer, a *Applied) error {
	_, err := fmt.Fprintf(w, "policy applied: %s, %s, %s passed\n", plural(a.Grants, "grant"), plural(a.Groups, "group"), plural(a.Tests, "test"))
	return err
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
