// Package e2e drives the binary with the real tools through labs: laptop, edge,
// connector and server in network namespaces, as root or without.
//
//	go test ./test/e2e -run 'TestHops$' -v
//
// A file is named after the behaviour that it tests:
//
//	admin, tokens, lock          what commands of the edge refuse, and how they say it
//	attack, flood, spoof         strangers that take memory, nodes without manners, lies about a source
//	backup                       an edge that is made anew of a file
//	boot, sleep, repair          a laptop that starts without network, sleeps, or whose client was killed
//	buffers                      a kernel without room
//	disk                         a role's disk is full, read-only, and back
//	damage, restore              damaged files of an edge's state directory, and the way out
//	dns                          questions through the tunnel
//	evict                        connectors that are put out, and those that come back
//	hops, hops_tools             traceroute, mtr, tracepath, ping: the same path by every tool
//	hops_default                 an edge that is told no hop address; metadata services
//	hops_protocols               protocols that nobody carries, and ICMP queries beside echo
//	hops_parallel                thirty paths at once; hops_labels: what routers say of MPLS
//	lab                          the lab itself: what finds oneping in it, and what waits for links
//	loss                         what status says is lost on a link, and refused
//	log                          what strangers, and what fails again and again, may write into it
//	identity                     revoked, foreign and expired certificates
//	metrics, ready, icmpmode     what monitoring asks, and what status shows
//	migration                    the laptop changes its network
//	move                         an edge that goes to another address
//	mtu                          who says which path MTU; mtu_settle: before it is known, and after;
//	                             mtu_blackhole: a router that may not say it
//	neighbours                   a laptop beside other VPNs, containers, firewalls, networks that overlap;
//	                             closed: one whose device, rules or key are gone
//	nat                          one identifier of several clients, by ping sockets and by raw ones
//	output                       what --output writes to, and leaves as it is
//	order                        datagrams of one conversation come as they left
//	ping, sizes                  echoes of every size, and datagrams; ping_odd: replies that are damaged;
//	                             ping_record: routes and times that are recorded
//	probe                        oneping trace and ping beside the tools that print the same
//	policy, policy_denied        a policy that changes or is wrong; what the denied see
//	pages                        what the pages say about the lab and three machines, typed;
//	                             daytwo: the jobs of docs/day-two.md
//	                             pages_paths: every tool on those machines, over IPv4 and IPv6
//	transcripts                  what docs/troubleshooting.md shows; transcripts_behind: behind routers
//	restart                      edge and connector killed and stopped
//	routes                       the routes of the laptop, and many of them
//	signals                      signals, closed terminals, pipes that nobody reads
//	soak                         everything at once, for long
//	status                       what a machine says of its roles, and of those it has not
//	sweep                        nmap and fping
//	tcp                          transfers; tcp_handshake, tcp_end: how connections begin and end;
//	                             tcp_open: what is said of an open one, and beside a scan;
//	                             tcp_stuck, tcp_keystrokes: nobody waits for another's flow
//	udp                          sessions: sizes, loss, restarts, idleness
//	unreachable                  no connector, no route, no link, no server; unreachable_behind: what
//	                             routers behind the connector say; unreachable_errno: what sockets say
//
// The files harness_… have no tests of the product (harness_test.go tests the harness). A test makes
// a lab of its own, which its end removes:
//
//	l := newLab(t, "--laptops", "2") // flags of `oneping lab up`; policy(t, text) makes two of them
//	out := l.run("laptop", "traceroute", "-I", serverV4)     // fails the test unless it exits with 0
//	r := l.exec("laptop", "ping", "-c1", serverV4)           // r.code, r.stdout, r.stderr, r.took
//	p := l.start("server", "dnsmasq", "-k", …)               // in the background until the test ends
//	p.waitFor("ready")                                       // until its output has a line with that
//	l.stop("connector"); l.kill("edge"); l.up("connector")   // roles, or the links of a host
//	l.json("laptop", &v, "oneping", "client", "status", "--json")
//	c := l.capture("server", "eth0"); …; c.stop(nil)         // every IP packet on a device, parsed
//	l.poll("three hops", 5*time.Second, func() bool {…})     // for what has no event to wait for
//
// [lab.run] finds `oneping` itself (with the state directory of its node) and `tool`, the helper
// program in the folder of that name: echo servers, forged replies, load, meters; `tool help` lists
// them.
//
// Programs a test needs are named first: needs(t, "traceroute"). A missing one skips the test, and
// fails it when CI is set.
//
// What operators see is in docs/transcripts: [scene], [matchTranscript]. ONEPING_UPDATE=1 writes
// those files anew. A test binary that runs elsewhere finds them beside the README that
// ONEPING_README names.
//
// Environment: ONEPING_BIN and ONEPING_TOOL name binaries to use instead of building them;
// ONEPING_KEEP=1 keeps the labs of failed tests and prints how to enter them; ONEPING_ROUNDS=10
// repeats TestManyTraceroutes; ONEPING_ALL_SIZES=1 makes TestAllSizesCross ask each size there is;
// ONEPING_SWEEP=16 makes TestSweepOfNeighbours sweep a /16 (of 2 to the power of that many
// addresses); ONEPING_STUCK=1 makes TestStuckFlows hold a thousand flows; ONEPING_SOAK=30m and
// ONEPING_ATTACK=10m make TestSoak and each of TestAttacks last so long.
package e2e
