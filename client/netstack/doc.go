// Package netstack ends the host's TCP connections inside the client: gVisor's
// TCP between a TUN device and link flows. It is the only owner of gVisor.
//
// It answers nothing by itself. A connection comes into being only through
// [Stack.Accept], with a SYN that the caller has held until the far side was
// connected; a SYN that nobody accepts is dropped in silence, any other
// segment of an unknown connection gets a reset (RFC 9293 §3.10.7.1), and no
// packet but TCP ever goes in or comes out, so gVisor has no chance to answer an echo.
package netstack
