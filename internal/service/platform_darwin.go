package service

import (
	"context"
	"strconv"

	"github.com/oneping/oneping/proto"
)

const adminHint = "run it with sudo"

// WhereItSays returns how the log of a role's service is read.
func WhereItSays(role proto.Role) string { return "tail /var/log/" + Name(role) + ".err.log" }

// Supervised runs f; launchd asks nothing of a process but to end on SIGTERM.
func Supervised(ctx context.Context, _ string, f func(context.Context) int) int { return f(ctx) }

// protect has nothing to add to the mode of the file.
func protect(*host, string) error { return nil }

// Log returns the command that shows the last lines of the logs of the services of roles.
func Log(roles []proto.Role, lines int, follow bool) []string {
	argv := []string{"tail", "-n", strconv.Itoa(lines)}
	if follow {
		argv = append(argv, "-F")
	}
	for _, role := range roles {
		argv = append(argv, "/var/log/"+Name(role)+".err.log")
	}
	return argv
}
