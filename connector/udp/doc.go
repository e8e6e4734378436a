// Package udp holds the connector's UDP sessions: one kernel socket connected to
// the destination for each session id. A registration is idempotent and carries a
// payload, so that loss, reordering and restarts heal themselves.
//
// The sessions (sessions.go, session.go, event.go), what they remember of their packets (ring.go)
// and the probes that go out one at a time (hold.go) do not know the platform. Sockets (sockets.go)
// are: socket_linux.go sees TTL, traffic class and the error queue, socket_net.go does what the
// standard library can; test/sim has some in memory.
//
// Whether a packet may go on, and with which TTL, is decided before it comes here: dispatch.go of
// the connector, and package host.
package udp
