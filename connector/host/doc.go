// Package host is what a connector knows of the machine that it runs on and of its neighbourhood:
// by which way a destination is reached, which addresses are the machine's own, what its
// administrator allows, which neighbours have ever answered, with which TTL an address was last
// heard, and from which address the machine reports an error.
//
// The connector asks it about each packet before a room sends it (Way, Forward); the rooms tell it
// what comes back (Heard, Seen). What a room gives back to the edge goes by Back, the other thing
// that all rooms have in common.
//
// What does not belong here: sockets, which are the rooms', and links, which are the connector's.
package host
