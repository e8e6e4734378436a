// Package link is one authenticated connection between a node and an edge: datagrams, streams,
// control messages, heartbeats, and what does not fit a datagram.
//
// Life of a link: internal/link/path dials or accepts the connection that carries it and returns
// the link after the TLS handshake; Run moves everything until the link ends; Close ends it. All
// methods are safe for concurrent use and neither Send nor SendControl blocks on the network.
//
// The stages of a datagram are files: fair.go (whose turn it is), window.go (how much the peer
// keeps up with), sender.go (one goroutine), oversize.go (what does not fit), receive.go (one
// goroutine). Control messages are control.go; streams stream.go and accept.go, what flows on them
// is internal/flow; the health of the path heartbeat.go; who counts what tally.go and handler.go.
//
// How a connection comes about, over which socket and to which address, does not belong here: a
// link knows its Carrier.
package link
