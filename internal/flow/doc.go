// Package flow is a generic table of things that expire: UDP sessions, ICMP
// mappings, flows. It is bounded in all and per owner; being full is an answer,
// never an eviction of something still in use. What counts as in use is its user's to say: see Config.Keep and Config.Tentative.
//
// The table has no goroutine and no clock: its user passes the time and calls
// Expire now and then, as often as it wants things to end on time.
package flow
