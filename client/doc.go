// Package client is oneping on the laptop: it takes packets off a TUN device,
// carries them over one link to an edge and hands back what comes.
//
//	kernel ─► device ─► outbound ─┬─ echo request ──────────────► packet datagram
//	                              ├─ UDP ── session ────────────► registration or payload
//	                              ├─ TCP SYN ── held ── flow ───► (connected) netstack
//	                              └─ other TCP ─────────────────► netstack
//
//	link ─► inbound ─┬─ echo reply, ICMP error ──► device
//	                 ├─ UDP payload ── session ──► device
//	                 └─ event ── session ────────► device, as the ICMP error it stands for
//
// The rooms in between are pure: they take a packet, the time and a view of
// the link, and return a verdict (a datagram to send, a packet to send back, a
// reason). Only the loops in client.go send, write and count.
package client
