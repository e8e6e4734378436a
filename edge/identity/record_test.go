package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/proto"
)

// TestATokenTriedAgainAndAgainIsOneRecordAMinute, with a count: each was a write with fsync, and
// fifty hosts overwrote all that the audit log had in 13 hours.
func TestATokenTriedAgainAndAgainIsOneRecordAMinute(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	used, expired := e.deviceToken(t, "alice"), e.deviceToken(t, "alice")
	if err := enrol(t, newNode(proto.RoleClient, t.TempDir(), c, used)); err != nil {
		t.Fatal(err)
	}
	try := func(times int, tok proto.Token, text string) {
		t.Helper()
		for range times {
			refused(t, enrol(t, newNode(proto.RoleClient, "", c, tok)), proto.CodeRefused, text)
		}
	}
	wrong := expired
	wrong.Secret = append([]byte{expired.Secret[0] ^ 1}, expired.Secret[1:]...)
	try(5, used, "the token was used already")
	try(3, wrong, "this edge does not know the token")
	c.forward(61 * time.Minute)
	try(1, used, "the token was used already")
	try(2, expired, "the token expired")
	got, err := e.store.AuditLog(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var refusals []state.AuditEvent
	for _, ev := range got {
		if ev.Action == "enrol refused" {
			refusals = append(refusals, ev)
		}
	}
	for i, want := range []state.AuditEvent{
		{Object: "token " + used.ID, Detail: "the token was used already"},
		{Object: "token " + expired.ID, Detail: "this edge does not know the token"},
		{Object: "token " + used.ID, Detail: "the token was used already", Suppressed: 4},
		{Object: "token " + expired.ID, Detail: "the token expired", Suppressed: 2},
	} {
		if len(refusals) != 4 {
			t.Fatalf("%d records, want 4: %+v", len(refusals), refusals)
		}
		if r := refusals[i]; r.Object != want.Object || !strings.HasPrefix(r.Detail, want.Detail) || r.Suppressed != want.Suppressed {
			t.Errorf("record %d: %+v, want %+v", i, r, want)
		}
	}
}
