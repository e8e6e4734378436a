package cmd

import (
	"io"
	"time"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/term"
)

// writeEnrolled lists connectors of several tunnels.
func writeEnrolled(w io.Writer, connectors []admin.Connector, now time.Time) error {
	t := &term.Table{Empty: "-"}
	t.Row("CONNECTOR", "TUNNEL", "HOST", "STATE", "FROM", "ENROLLED", "VERSION")
	for _, x := range connectors {
		version := ""
		if x.Link != nil {
			version = x.Link.Version
		}
		t.Row(x.ID, x.Tunnel, x.Hostname, linkState(x.Link, x.LastSeen, x.Revoked, now), remote(x.Link), term.Minute(x.Created), version)
	}
	return t.Print(w)
}
