// Package table is a generic table of things that expire: UDP sessions, ICMP
// mappings. It is bounded in all and per owner. What is in use goes only where its owner has more than a fair share and
// another less; what counts as in use is its user's to say: see Config.Keep and Config.Tentative.
//
// Shares is the rule by which places are divided, here and by Places, for tables that keep their entries themselves.
//
// The table has no goroutine and no clock: its user passes the time and calls
// Expire now and then, as often as it wants things to end on time.
package table
