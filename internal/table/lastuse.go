package table

import (
	"sync/atomic"
	"time"
)

// LastUse is when something was used last, by the monotonic clock: who sets the clock of the machine
// ends nothing that is idle, and nothing lives longer for it. Begin comes first, before it is shared;
// then it is safe for concurrent use.
type LastUse struct {
	began time.Time    // with its monotonic reading
	after atomic.Int64 // nanoseconds
}

// Begin says that it is used for the first time.
func (u *LastUse) Begin(now time.Time) { u.began = now }

// Touch says that it is used now. It reads the monotonic clock alone, which costs half of time.Now.
func (u *LastUse) Touch() { u.after.Store(int64(time.Since(u.began))) }

// At returns when it was used last.
func (u *LastUse) At() time.Time { return u.began.Add(time.Duration(u.after.Load())) }

// Ago returns for how long it has not been used.
func (u *LastUse) Ago(now time.Time) time.Duration {
	return now.Sub(u.began) - time.Duration(u.after.Load())
}

// UnixNano returns At in Unix nanoseconds, to be compared with those of others: Idler.LastUsed.
func (u *LastUse) UnixNano() int64 { return u.began.UnixNano() + u.after.Load() }
