// Package connector is the role that runs, without privileges, inside a private
// subnet: it takes what an edge passes on, sends it into its host's network as a
// router would, and hands back what comes.
//
// A packet's way, out and back:
//
//	links.go     a link receives it; owner (dispatch.go) says in whose queue it waits
//	dispatch.go  demux finds out what it is; packet, registration, payload or flow take it:
//	host/        may it go on, and with which TTL: Host.Way, Host.Forward
//	icmp/ udp/   the room that sends it: NAT.Send, Sessions.Register and Send,
//	tcp/         Dialer.Serve
//	dispatch.go  where one of them says no: Host.Refuse, as packet, event or answer
//	wayback.go   what comes back to a room goes to the newest link: Back.Deliver
//
// system.go has what all of it stands on: the routes and sockets of this machine, or of a
// simulation.
//
// What does not belong here: who may reach what, which the edge decides, and identity and
// enrolment, which are internal/node's.
package connector
