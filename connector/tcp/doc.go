// Package tcp opens TCP flows to origins: the connection is made with the TTL of
// the client's SYN, so that routers and the origin answer it as they would
// answer the client; what they answer goes back as the flow's answer, and a
// connected flow is pumped until both of its directions have ended.
//
// The dialer (dialer.go) and its flows (flows.go) do not know the platform. Sockets (dial.go)
// connect: dial_linux.go sees the error queue of the SYN, dial_net.go does what package net can.
// endpoint.go is the origin's end of a flow.
//
// Whether a flow may go on, and with which TTL, is decided before it comes here (dispatch.go of the
// connector), and the frames of a flow are internal/flow's.
package tcp
