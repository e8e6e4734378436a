// Package journal is the edge's own evidence of what its store has acknowledged:
// two files beside the store, with which a start compares what the store gives.
//
//	snapshot  everything that was stored at one revision, with a SHA-256
//	journal   each change since, with a CRC-32C and what there is after it
//
// A change is written to the store first, then here, then acknowledged. So the
// store is never older than this evidence unless it has lost something, and a
// store that is newer was stopped between the two: what it has more was asked for
// and is kept. A record that was begun is in the store already.
//
// The evidence knows keys and values, nothing of tunnels or devices, and nothing of
// NATS. Read reads it and changes nothing, Evidence.Compare judges a store,
// Journal keeps the files up to date.
package journal
