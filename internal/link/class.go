package link

import "sync/atomic"

// bulkPayload is the UDP payload in bytes above which a session counts as bulk.
const bulkPayload = 1000

// SessionClass is the class of one UDP session's payloads, by the one rule of client, edge and connector: interactive
// until the first large payload, bulk from then on. A session changes its queue at most once, toward the slower
// one, so that its packets stay in order. The zero value is interactive; safe for concurrent use.
type SessionClass struct{ bulk atomic.Bool }

// Of returns the class of the session's next payload, which has n bytes.
func (c *SessionClass) Of(n int) Class {
	if n > bulkPayload && !c.bulk.Load() {
		c.bulk.Store(true)
	}
	if c.bulk.Load() {
		return Bulk
	}
	return Interactive
}

// Inherit takes over the class of the session that was in its place.
func (c *SessionClass) Inherit(old *SessionClass) { c.bulk.Store(old.bulk.Load()) }
