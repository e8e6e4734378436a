package term

import "time"

// Moment dates a moment of this process's life by the clock of now: one that was noted while the
// clock was wrong gets its right date, and its age is what the process has lived through. A time that
// was read from somewhere, or none, stays what it is, and so does one that is right to the second: it
// says the same each time it is asked for.
func Moment(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	now := time.Now()
	dated := now.Add(-now.Sub(t)) // by the monotonic clock
	if dated.Round(0).Sub(t.Round(0)).Abs() < time.Second {
		return t
	}
	return dated
}
