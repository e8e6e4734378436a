package service

import "context"

const adminHint = "run it with sudo"

// Supervised runs f; launchd asks nothing of a process but to end on SIGTERM.
func Supervised(ctx context.Context, _ string, f func(context.Context) int) int { return f(ctx) }

// protect has nothing to add to the mode of the file.
func protect(*host, string) error { return nil }
