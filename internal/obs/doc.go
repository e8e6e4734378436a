// Package obs is how a role speaks of itself: one zap logger, the names of log
// fields, one Prometheus registry.
package obs
