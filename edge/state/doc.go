// Package state is the edge's store: desired state (tunnels, routes, devices,
// tokens, policy) in a NATS JetStream key-value bucket, audit events in a
// stream. By default the NATS server is embedded in the process and listens
// nowhere; with a URL the edges of a fleet share an external one, over the same
// code path.
//
// Readers take a Snapshot, which is immutable and costs one atomic load.
// Every change is one write that the store accepts only if nothing at all was
// written since the snapshot it was decided on, and is decided anew otherwise:
// unique names, unique addresses and "no route points to it" therefore hold on
// every edge at once, without locks. When a change returns, it is on disk and
// in the next Snapshot.
package state
