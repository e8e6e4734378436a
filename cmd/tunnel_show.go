package cmd

import (
	"fmt"
	"io"
	"time"

	"github.com/oneping/oneping/edge/admin"
)

func tunnelState(connected, all int) string {
	if all == 0 {
		return "none enrolled"
	}
	return fmt.Sprintf("%d of %d up", connected, all)
}

// writeTunnels lists tunnels for people.
func writeTunnels(w io.Writer, tunnels []admin.Tunnel) error {
	t := &table{}
	t.row("NAME", "CONNECTORS", "ROUTES", "CREATED")
	for _, x := range tunnels {
		t.row(x.Name, tunnelState(x.Connected(), len(x.Connectors)), join(x.Routes), day(x.Created))
	}
	return t.write(w)
}

// writeTunnel shows one tunnel.
func writeTunnel(w io.Writer, x *admin.Tunnel, now time.Time) error {
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
	return writeConnectors(w, x.Connectors, now)
}

// writeConnectors lists the connectors of a tunnel.
func writeConnectors(w io.Writer, connectors []admin.Connector, now time.Time) error {
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
