package cmd

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/oneping/oneping/edge/admin"
)

// writeRoutes lists routes.
func writeRoutes(w io.Writer, routes []admin.Route) error {
	t := &table{}
	t.row("PREFIX", "TUNNEL", "CONNECTORS", "CREATED")
	for _, r := range routes {
		t.row(r.Prefix.String(), r.Tunnel, fmt.Sprintf("%d up", r.Connected), day(r.Created))
	}
	return t.write(w)
}

// writeLookup says where an address goes.
func writeLookup(w io.Writer, l *admin.Lookup, now time.Time) error {
	captured := "clients leave it to their own network: it is not captured"
	if l.Captured {
		captured = "clients send it into oneping"
	}
	t := &table{}
	t.row("address", l.Addr.String())
	t.row("captured", captured)
	if l.Route == nil {
		t.row("route", "none: "+refusal(l, "net unreachable", "!N"))
		t.hint("oneping route add PREFIX TUNNEL")
		return t.write(w)
	}
	t.row("route", l.Route.Prefix.String())
	t.row("tunnel", l.Route.Tunnel)
	if l.Route.Connected == 0 {
		t.row("connectors", "none connected: "+refusal(l, "host unreachable", "!H"))
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
