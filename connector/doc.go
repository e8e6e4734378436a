// Package connector is the role that runs, without privileges, inside a private
// subnet: it takes what an edge passes on, sends it into its host's network as a
// router would, and hands back what comes.
//
// A packet's way: links.go receives it, dispatch.go asks the host whether it may
// go on and with which TTL, a room sends it: icmp, udp or tcp. The rooms hand
// answers to uplink.go, which has the newest link.
package connector
