// Package e2e drives the binary with the real tools through labs: laptop, edge,
// connector and server in network namespaces, as root or without.
//
//	go test ./test/e2e -run TestTraceroute -v
//
// A test makes a lab of its own, which its end removes:
//
//	l := newLab(t, "--laptops", "2") // flags of `oneping lab up`; policy(t, text) makes two of them
//	out := l.run("laptop", "traceroute", "-I", serverV4)     // fails the test unless it exits with 0
//	r := l.exec("laptop", "ping", "-c1", serverV4)           // r.code, r.stdout, r.stderr, r.took
//	p := l.start("server", "dnsmasq", "-k", …)               // in the background until the test ends
//	p.waitFor("ready")                                       // until its output has a line with that
//	l.stop("connector"); l.kill("edge"); l.up("connector")   // roles, or the links of a host
//	l.json("laptop", &v, "oneping", "client", "status", "--json")
//	c := l.capture("server", "eth0"); …; c.stop()            // every IP packet on a device, parsed
//	l.poll("three hops", 5*time.Second, func() bool {…})     // for what has no event to wait for
//
// [l.run] finds `oneping` itself (with the state directory of its node) and `tool`, the helper program in
// the folder of that name: echo servers, forged replies, load, meters; `tool help` lists them.
//
// Programs a test needs are named first: needs(t, "traceroute"). A missing one skips the test, and fails
// it when CI is set.
//
// What operators see is in docs/transcripts: [scene], [matchTranscript]. ONEPING_UPDATE=1 writes those files anew. A test binary that runs
// elsewhere finds them beside the README that ONEPING_README names.
//
// Environment: ONEPING_BIN and ONEPING_TOOL name binaries to use instead of building them; ONEPING_KEEP=1 keeps
// the labs of failed tests and prints how to enter them; ONEPING_ROUNDS=10 repeats TestManyTraceroutes;
// ONEPING_ATTACK=10m makes each of TestAttacks last so long.
package e2e
