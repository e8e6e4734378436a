package cmd

import (
	"fmt"
	"io"
	"time"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/term"
)

// tunnelState says how many connectors of a tunnel are there: a cell of a table.
func tunnelState(connected, all int) string {
	if all == 0 {
		return "none enrolled"
	}
	text := fmt.Sprintf("%d of %d up", connected, all)
	switch connected {
	case 0:
		return term.Bad(text)
	case all:
		return term.Good(text)
	}
	return text
}

// writeTunnels lists tunnels for people.
func writeTunnels(w io.Writer, tunnels []admin.Tunnel) error {
	t := &term.Table{Empty: "-"}
	t.Row("NAME", "CONNECTORS", "ROUTES", "CREATED")
	for _, x := range tunnels {
		t.Row(x.Name, tunnelState(x.Connected(), len(x.Connectors)), term.List(x.Routes), term.Minute(x.Created))
	}
	return t.Print(w)
}

// writeTunnel shows one tunnel.
func writeTunnel(w io.Writer, x *admin.Tunnel, now time.Time) error {
	t := &term.Table{Empty: "-"}
	t.Row("name", x.Name)
	t.Row("id", x.ID)
	t.Row("created", term.Minute(x.Created))
	t.Row("routes", term.List(x.Routes))
	t.Row("limit", term.Count(x.MaxConnectors, "connector"))
	if len(x.Connectors) == 0 {
		t.Row("connectors", "none enrolled")
		return t.Print(w)
	}
	if err := t.Print(w); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return writeConnectors(w, x.Connectors, now)
}

// writeConnectors lists the connectors of a tunnel.
func writeConnectors(w io.Writer, connectors []admin.Connector, now time.Time) error {
	t := &term.Table{Empty: "-"}
	t.Row("CONNECTOR", "HOST", "STATE", "FROM", "ICMP", "SYSTEM")
	for _, c := range connectors {
		icmp := ""
		if c.Link != nil {
			icmp = c.Link.ICMP
		}
		t.Row(c.ID, c.Hostname, linkState(c.Link, c.LastSeen, c.Revoked, now), remote(c.Link), icmp, c.OS)
	}
	return t.Print(w)
}
