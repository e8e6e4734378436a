package state

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// TestRecordsOlderThanTheirEvents are damaged: a bit of the time of a record flipped, and NATS will
// remove it for its age without a word.
func TestRecordsOlderThanTheirEvents(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	body, err := json.Marshal(AuditEvent{Time: at, Actor: "uid 0", Action: "tunnel create"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		data []byte
		time time.Time
		want bool
	}{
		{body, at.Add(time.Millisecond), true},
		{body, at.Add(40 * 24 * time.Hour), true}, // it waited for the disk
		{body, at.Add(-time.Minute), true},        // somebody set the clock
		{body, time.Unix(0, at.UnixNano()^1<<48), false},
		{body[:len(body)-1], at.Add(time.Millisecond), false},
	} {
		if got := dated(&jetstream.RawStreamMsg{Data: c.data, Time: c.time}); got != c.want {
			t.Errorf("%s at %v: %v, want %v", c.data, c.time, got, c.want)
		}
	}
}
