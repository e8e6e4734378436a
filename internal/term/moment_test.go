package term

import (
	"testing"
	"time"
)

// What was noted while the clock was wrong has the right age; what was read stays as it is.
func TestMoment(t *testing.T) {
	noted := time.Now().Add(-time.Minute)
	if m := Moment(noted); m != noted {
		t.Errorf("%v, want %v", m, noted)
	}
	for _, read := range []time.Time{{}, time.Date(1970, 1, 1, 0, 0, 7, 0, time.UTC), noted.Round(0)} {
		if m := Moment(read); !m.Equal(read) {
			t.Errorf("%v, want %v", m, read)
		}
	}
}
