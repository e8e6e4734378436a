package identity_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
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
	var logged string
	for _, entry := range e.logs.FilterMessage("enrolment refused").All() {
		logged, _ = entry.ContextMap()["token_id"].(string)
	}
	if logged == "" || len(logged) > 300 || strings.ContainsAny(logged, "\u009b\u202e") {
		t.Errorf("log: %d bytes, %.20q", len(logged), logged)
	}
	if events, err := e.store.AuditLog(t.Context(), 10); err != nil || len(events) != 0 {
		t.Errorf("audit log: %+v, %v; want nothing about a stranger", events, err)
	}
}

// TestARefusedTokenIsAudited: what was issued here and is tried again is worth a lasting line.
func TestARefusedTokenIsAudited(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	tok := e.deviceToken(t, "alice")
	c.forward(2 * identity.DeviceTokenLife)
	refused(t, enrol(t, newNode(proto.RoleClient, t.TempDir(), c, tok)), proto.CodeRefused, "the token expired")
	events, err := e.store.AuditLog(t.Context(), 10)
	if err != nil || len(events) != 1 || events[0].Action != "enrol refused" || events[0].Object != "token "+tok.ID {
		t.Errorf("audit log: %+v, %v; want the refusal of token %s", events, err, tok.ID)
	}
}

// TestAnIdleEnrolmentEnds: who connects and says nothing holds its place for seconds only.
func TestAnIdleEnrolmentEnds(t *testing.T) {
	e := newEdge(t, t.TempDir(), newClock())
	l, err := path.Dial(t.Context(), e.addr, path.Config{ALPN: proto.EnrolALPN, TLS: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}})
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
