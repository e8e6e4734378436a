package term

import "time"

// Moment dates a moment of this process's life by the clock of now: one that was noted while the
// clock was wrong gets its right date, and its age is what the process has lived through. A time that
// was read from somewhere, or none, stays what it is.
func Moment(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	now := time.Now()
	return now.Add(-now.Sub(t)) // by the monotonic clock
}
