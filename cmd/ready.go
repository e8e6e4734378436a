package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/proto"
)

// bindReady adds --ready to a status command: what health checks and scripts ask.
func bindReady(cmd *cobra.Command, ready *bool, role proto.Role) {
	cmd.Flags().BoolVar(ready, "ready", false, "print nothing; exit code 0 when "+readyWhen(role)+", else 1")
}

// What install waits for what it has started.
const (
	readyWait  = 10 * time.Second
	readyEvery = 200 * time.Millisecond
	quietFor   = 2 * time.Second // then it says that it waits
)

// readyWhen says when a role is ready.
func readyWhen(role proto.Role) string {
	switch role {
	case proto.RoleClient:
		return "an edge has welcomed this device and the host captures what it wants"
	case proto.RoleConnector:
		return "an edge has welcomed this connector"
	default:
		return "nodes can connect and changes can be written"
	}
}

// askReady returns nil when the process of a role on this machine is ready, else what is missing.
func askReady(ctx context.Context, role proto.Role) error {
	s := newStatus(role)
	if err := local.Get(ctx, process.FindSocket(role, ""), string(role), "/v1/status", s); err != nil {
		return err
	}
	return s.Ready()
}

// awaitReady waits for the service of a role that was started a moment ago. One that is not ready
// in time is no error: what is missing may come later.
func awaitReady(c *cobra.Command, role proto.Role) error {
	ctx, cancel := context.WithTimeout(c.Context(), readyWait)
	defer cancel()
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	quiet := time.NewTimer(quietFor)
	defer quiet.Stop()
	var missing error
	for {
		err := askReady(ctx, role)
		if err == nil {
			return line("ready   %s", readyWhen(role))(c.OutOrStdout())
		}
		if missing == nil || ctx.Err() == nil { // the last answer, not that the time was over
			missing = err
		}
		select {
		case <-c.Context().Done():
			return context.Cause(c.Context())
		case <-ctx.Done():
			if errors.Is(missing, local.ErrNotRunning) {
				missing = &advice.Error{Text: "the service does not stay up", Advice: service.WhereItSays(role)}
			}
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "not ready yet: %v\n", missing)
			hint(c, "%s", cmp.Or(advice.Of(missing), "oneping "+string(role)+" status"))
			return nil
		case <-quiet.C:
			_, _ = fmt.Fprintf(c.ErrOrStderr(), "wait    until %s\n", readyWhen(role))
		case <-tick.C:
		}
	}
}
