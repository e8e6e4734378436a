package service

import (
	"context"

	"github.com/oneping/oneping/proto"
)

const adminHint = "run it with sudo"

// WhereItSays returns how the log of a role's service is read.
func WhereItSays(role proto.Role) string { return "tail /var/log/" + Name(role) + ".err.log" }

// Supervised runs f; launchd asks nothing of a process but to end on SIGTERM.
func Supervised(ctx context.Context, _ string, f func(context.Context) int) int { return f(ctx) }

// protect has nothing to add to the mode of the file.
func protect(*host, string) error { return nil }
