package cmd

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/term"
)

// writeRoutes lists routes.
func writeRoutes(w io.Writer, routes []admin.Route) error {
	t := &term.Table{Empty: "-"}
	t.Row("PREFIX", "TUNNEL", "CONNECTORS", "CREATED")
	for _, r := range routes {
		t.Row(r.Prefix.String(), r.Tunnel, fmt.Sprintf("%d up", r.Connected), term.Minute(r.Created))
	}
	return t.Print(w)
}

// writeLookup says where an address goes.
func writeLookup(w io.Writer, l *admin.Lookup, now time.Time) error {
	captured := "clients leave it to their own network: it is not captured"
	switch {
	case l.Captured:
		captured = "clients send it into oneping"
	case l.Kept != "":
		captured = "every host keeps it to itself: it is " + l.Kept
	}
	t := &term.Table{Empty: "-"}
	t.Row("address", l.Addr.String())
	t.Row("captured", captured)
	if l.Kept != "" && l.Route == nil {
		t.Row("route", "none: no client sends it here")
		return t.Print(w)
	}
	if l.Route == nil {
		t.Row("route", "none: "+refusal(l, "net unreachable", "!N"))
		t.Hint("oneping route add PREFIX TUNNEL")
		return t.Print(w)
	}
	t.Row("route", l.Route.Prefix.String())
	t.Row("tunnel", l.Route.Tunnel)
	if l.Route.Connected == 0 {
		t.Row("connectors", "none connected: "+refusal(l, "host unreachable", "!H"))
		t.Hint("on the machine of a connector: oneping connector status; oneping connector check")
	} else {
		t.Row("connectors", fmt.Sprintf("%d connected", l.Route.Connected))
	}
	if err := t.Print(w); err != nil || len(l.Connectors) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return writeConnectors(w, l.Connectors, now)
}

// refusal says what becomes of packets that policy grants and that this edge cannot pass on.
func refusal(l *admin.Lookup, answer, mark string) string {
	if l.Silent {
		return "what policy grants is dropped (unreachable: silent), traceroute prints stars"
	}
	return "what policy grants is answered with " + answer + ", traceroute prints " + mark
}

// writePrefixes lists prefixes, one a line.
func writePrefixes(w io.Writer, prefixes []netip.Prefix) error {
	for _, p := range prefixes {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	return nil
}
