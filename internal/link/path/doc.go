// Package path is the way between a node and an edge: it makes the connections that carry links.
//
// Dial, Redial and Listener return a *link.Link; of what kind the connection below it is, nobody
// else knows. Today each is QUIC, which this package owns (conn.go, stream.go, errors.go).
//
//	dial.go      names → addresses → the first that answers (names.go: where they were last)
//	redial.go    one link for as long as there is a context
//	listen.go    handshakes, who may begin one, how much a stranger may send (visitor.go)
//	underlay.go  the network below: sockets, names, routes; kernel.go is the real one
//	paths.go     the sockets of a dialled connection: in use, spare, retired; the switch
//	network.go   this host has come to another network
//	mtu.go       the largest datagram that crosses
//
// How a black hole is noticed is the link's: its heartbeats are frames. What is done then, to leave
// the path for one that begins small, is in here. What travels on a link, in which order and for
// whom, does not belong here.
package path
