// Package flow is a TCP flow: at its ends, client and connector, and at the edge between them.
//
// A flow travels on one stream of each link. The link writes and reads the header that says what
// the stream is; everything behind it is in here, and proto draws it. An end makes a Flow of the
// stream, opens it with Await or Answer (or says no with Refuse) and moves it with Pump, to and
// from a TCP connection that it knows as an Endpoint. The edge joins two streams with Splice and
// looks into neither.
//
//	client                          edge                         connector
//	TCP ⇄ Pump ⇄ Flow ⇄ stream ⇄ Splice ⇄ stream ⇄ Flow ⇄ Pump ⇄ TCP
//
// Nobody between the ends ever waits for an application. The ends grant each other credit
// (recvwindow.go); what has come and waits for its reader lies in a receive buffer (recvbuffer.go);
// how much of that a process may hold is its Budget, of which each flow has a Holding.
//
// How a TCP connection is made or accepted, and what a refusal looks like as ICMP, do not belong
// here: those are the rooms of connector, client and relay.
package flow
