package hop

import "sync/atomic"

// Extensions is whether the edge reads the extensions of ICMP errors, as far as it has said so. The
// zero value: it does not. Safe for concurrent use.
type Extensions struct{ read atomic.Bool }

// TellExtensions takes what the edge says (proto.Welcome).
func (x *Extensions) TellExtensions(yes bool) { x.read.Store(yes) }

// Readable returns r as the edge reads it: without the extension of its error, where it does not read that.
func (x *Extensions) Readable(r Refusal) Refusal {
	if !x.read.Load() {
		return r.Bare()
	}
	return r
}
