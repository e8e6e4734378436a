// Package table has the tables of things that expire or are many, each bounded: what is full
// makes room by a rule, and never forgets everybody.
//
//   - Table (table.go) is that of UDP sessions and ICMP mappings, bounded in all and per
//     owner. What is in use goes only where its owner has more than a fair share and another
//     less; what counts as in use is its user's to say: Config.Keep, Config.Tentative.
//   - Shares (shares.go) is the rule by which places are divided, there and by Places
//     (places.go), which is for tables that keep their entries themselves.
//   - Recent (recent.go) remembers what was used last: for what is known again when it is
//     seen again.
//   - Ring (ring.go) keeps the newest of one sender's packets, so that an error can name the
//     one that caused it.
//
// Nothing here has a goroutine or a clock: the user of a Table passes the time and calls Expire
// now and then, as often as it wants things to end on time.
package table
