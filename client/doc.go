// Package client is oneping on the laptop: it takes packets off a TUN device,
// carries them over one link to an edge and hands back what comes.
//
//	kernel ─► device ─► outbound ─┬─ echo request ──────────────► packet datagram
//	                              ├─ UDP ── session ────────────► registration or payload
//	                              ├─ TCP SYN ── held ── flow ───► (connected) user-space stack
//	                              └─ other TCP ─────────────────► user-space stack
//
//	link ─► inbound ─┬─ echo reply, ICMP error ──► device
//	                 ├─ UDP payload ── session ──► device
//	                 └─ event ── session ────────► device, as the ICMP error it stands for
//
// That way of a packet is client/path, stage by stage. This package wires it to
// the link (links.go) and to the host: device, routing and TCP stack (host.go),
// what is captured (configuration.go, apply.go, routing.go), what is kept for
// the next start (cache.go), and what a killed client has left (repair.go).
package client
