// Package lab starts the whole of oneping on one machine: a laptop, an edge,
// a connector and an application server, each in a network namespace of its
// own, joined by the links of the classic example.
//
//	                      198.51.100.0/28        203.0.113.0/24               172.16.10.0/24
//	┌────────┐  internet  ┌──────────────┐ internet2 ┌───────────┐   LAN   ┌─────┐    ┌────────┐
//	│ laptop ├────────────┤     edge     ├───────────┤ connector ├─────────┤ lan ├────┤ server │
//	└────────┘ .2      .1 │ 172.68.101.57│ .1     .2 └───────────┘ .100    └──┬──┘.120└────────┘
//	                      └──────────────┘                                    └ host2 .121 …
//
// With routers behind the connector the switch and its hosts stand behind the last:
//
//	┌───────────┐ 172.16.10.0/24 ┌────┐ 172.16.11.0/24 ┌────┐ 172.16.12.0/24 ┌─────┐    ┌────────┐
//	│ connector ├────────────────┤ r1 ├────────────────┤ r2 ├────────────────┤ lan ├────┤ server │
//	└───────────┘ .100        .1 └────┘ .1          .2 └────┘ .1             └─────┘.120└────────┘
//
// A plain lab has Linux routers in the places of edge and connector, with the same
// addresses: what oneping is compared with.
//
// The hop address 172.68.101.57 belongs to the edge process, not to a kernel interface. Nothing
// forwards IP in the kernels of the lab (except its routers): whatever reaches the server went
// through oneping.
//
// # The holder
//
// One process, the holder, owns a lab. It is PID 1 of the lab's PID namespace
// and keeps its files in a tmpfs of its mount namespace, so that its death, for
// whatever reason, ends every process and frees every namespace, link and
// file. Without root it lives in a user namespace of its own. It stays in the
// host's network namespace and listens there on the abstract Unix socket
// @oneping-lab-UID-NAME, which needs no file either: [Down], Ctrl-C, a crash
// and kill -9 are therefore one path.
//
// This package is the lab as a caller sees it: its topology as plain data, and [Up], [Run], [Exec],
// [GetStatus] and [Down], which start a holder and speak to it (message.go). What the holder does
// is in internal/lab/holder; nothing here enters a namespace.
package lab
