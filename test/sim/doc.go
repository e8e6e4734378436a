// Package sim runs the three roles in virtual time: a client with a device in
// memory, an edge, and a connector whose subnet is in memory too, over quic-go's
// simulated network with loss, reordering and cuts. Neither kernel nor store
// takes part, and a day takes seconds.
//
// TCP is not here: gVisor does not run in a synctest bubble (see client/netstack, test/e2e).
package sim
