// Package flow is a generic table of things that expire: sessions, mappings,
// flows. Bounded in all and per owner; being full is an answer, never an
// eviction of something still in use.
package flow
