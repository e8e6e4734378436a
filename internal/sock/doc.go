// Package sock is the side of Linux datagram sockets that sees the path: TTL,
// traffic class and don't-fragment of what is sent, TTL and class of what is
// received, the error queue (IP_RECVERR, ip(7)) and a poller that also wakes
// for errors alone, which the runtime's own does not.
//
// Everything here works without any privilege. On systems other than Linux the
// package is empty.
package sock
