// Package udp holds the connector's UDP sessions: one kernel socket connected to
// the destination for each session id. A registration is idempotent and carries a
// payload, so that loss, reordering and restarts heal themselves.
//
// The sessions themselves (sessions.go, session.go, ring.go, event.go) do not
// know the platform; socket_linux.go sees TTL, traffic class and the error queue,
// socket_other.go does what the standard library can.
package udp
