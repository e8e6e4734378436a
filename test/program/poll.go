package program

import (
	"errors"
	"testing"
	"time"
)

// pollEvery is how long Poll and Retry wait between two tries.
const pollEvery = 20 * time.Millisecond

var errNotYet = errors.New("not yet")

// Poll asks until ok says yes, for what has no event to wait for. Failing is fatal.
func Poll(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	Retry(t, what, within, func() error {
		if ok() {
			return nil
		}
		return errNotYet
	})
}

// Retry repeats f until it succeeds. Failing is fatal, with f's last error.
func Retry(t testing.TB, what string, within time.Duration, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(within); ; <-time.After(pollEvery) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, within, err)
		}
	}
}
