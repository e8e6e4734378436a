package edge

import (
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
)

// A second connector shows in the status with the way to be rid of it; that way ends its link and
// leaves the first one alone.
func TestRevokedConnectorIsCutOff(t *testing.T) {
	s := newSite(t)
	if list := s.e.Status().New; len(list) != 0 {
		t.Errorf("the only connector is news: %+v", list)
	}
	tok, err := s.admin.TunnelToken(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	second := connect(t, enrol(t, proto.RoleConnector, tok.Token))
	st := s.e.Status()
	if len(st.New) != 1 || st.New[0].Tunnel != "home" || !st.New[0].Remote.IsValid() {
		t.Fatalf("new connectors: %+v", st.New)
	}
	id := st.New[0].ID
	var text strings.Builder
	if err := st.WriteText(&text, time.Now()); err != nil || !strings.Contains(text.String(), "connector "+id+" of home, host ") ||
		!strings.Contains(text.String(), "hint: if it is not yours: oneping connector revoke "+id+"\n") {
		t.Errorf("status:\n%s%v", text.String(), err)
	}
	list, err := s.admin.Connectors(t.Context(), "home")
	if err != nil || len(list) != 2 || list[1].ID != id || list[1].Link == nil || list[1].Tunnel != "home" {
		t.Fatalf("listed: %+v, %v", list, err)
	}
	if x, err := s.admin.RevokeConnector(t.Context(), id[:6]); err != nil || x.ID != id || !x.Revoked {
		t.Fatalf("revoked %+v, %v", x, err)
	}
	second.closedWith(proto.CodeRevoked, patience)
	if list := s.e.Status().New; len(list) != 0 {
		t.Errorf("a revoked connector is news: %+v", list)
	}
	events, err := s.admin.AuditLog(t.Context(), 1)
	if err != nil || len(events) != 1 || events[0].Action != "connector revoke" || events[0].Object != id || !strings.HasPrefix(events[0].Detail, "tunnel home, host ") {
		t.Errorf("audit: %+v, %v", events, err)
	}
	select {
	case err := <-s.connector.ended:
		t.Errorf("the first one ended: %v", err)
	default:
	}
}

// A rotation that evicts puts out who has the old token, and the key that it has enrols again with
// the new one.
func TestEvictedConnectorsComeBackWithTheNewToken(t *testing.T) {
	s := newSite(t)
	tok, err := s.admin.RotateToken(t.Context(), "home", true)
	if err != nil || len(tok.Evicted) != 1 || tok.Evicted[0].Tunnel != "home" {
		t.Fatalf("evicted %+v, %v", tok.Evicted, err)
	}
	s.connector.closedWith(proto.CodeRevoked, patience)
	if list, err := s.admin.Connectors(t.Context(), ""); err != nil || len(list) != 0 {
		t.Errorf("left: %+v, %v", list, err)
	}
	back := connect(t, enrol(t, proto.RoleConnector, tok.Token))
	if again, err := s.admin.RotateToken(t.Context(), "home", false); err != nil || len(again.Evicted) != 0 {
		t.Errorf("a rotation alone: %+v, %v", again.Evicted, err)
	}
	select {
	case err := <-back.ended:
		t.Errorf("a rotation alone ended it: %v", err)
	default:
	}
}
