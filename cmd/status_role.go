package cmd

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/proto"
)

// status is what the process of a role says of itself.
type status interface {
	// Ready returns nil when it does its work, else what is missing.
	Ready() error
	// WriteText writes the status for people; now is when it was asked for.
	WriteText(w io.Writer, now time.Time) error
}

// newStatus returns an empty status of a role, to be asked for.
func newStatus(role proto.Role) status {
	switch role {
	case proto.RoleClient:
		return new(client.Status)
	case proto.RoleConnector:
		return new(connector.Status)
	default:
		return new(edge.Status)
	}
}

// showStatus asks the process of a role on this machine. With ready it prints nothing and returns
// what is missing.
func showStatus(c *cobra.Command, role proto.Role, stateDir string, ready bool, out *output) error {
	s := newStatus(role)
	if err := askRole(c.Context(), role, stateDir, "/v1/status", s); err != nil {
		return err
	}
	if ready {
		return s.Ready()
	}
	return out.print(c, s, func(w io.Writer) error { return s.WriteText(w, time.Now()) })
}
