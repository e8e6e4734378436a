package identity_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// TestAStrangerWritesLittle: whoever is refused must not fill the log and the
// audit log, nor speak to the terminal of the person who reads them.
func TestAStrangerWritesLittle(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	tok := e.deviceToken(t, "alice")
	tok.ID = "\u009b31m\u202e" + strings.Repeat("x", 30_000)
	refused(t, enrol(t, newNode(proto.RoleClient, t.TempDir(), c, tok)), proto.CodeRefused, "this edge does not know the token")
	events, err := e.store.AuditLog(t.Context(), 1)
	if err != nil || len(events) != 1 {
		t.Fatal(events, err)
	}
	var logged string
	for _, entry := range e.logs.FilterMessage("enrolment refused").All() {
		logged, _ = entry.ContextMap()["token_id"].(string)
	}
	for name, s := range map[string]string{"audit log": events[0].Object, "log": logged} {
		if s == "" || len(s) > 300 || strings.ContainsAny(s, "\u009b\u202e") {
			t.Errorf("%s: %d bytes, %.20q", name, len(s), s)
		}
	}
}

// TestAnIdleEnrolmentEnds: who connects and says nothing holds its place for seconds only.
func TestAnIdleEnrolmentEnds(t *testing.T) {
	e := newEdge(t, t.TempDir(), newClock())
	l, err := link.Dial(t.Context(), e.addr, link.Config{ALPN: proto.EnrolALPN, TLS: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close(proto.CodeOK, "") }()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	_, err = l.AcceptRaw(ctx) // the edge opens none: this waits for the end
	if ce, ok := errors.AsType[*link.CloseError](err); !ok || !ce.Remote {
		t.Errorf("an idle enrolment: %v, want it closed by the edge", err)
	}
}
