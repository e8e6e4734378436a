package proto

import (
	"strings"
	"testing"
)

func TestIDs(t *testing.T) {
	if got := DecisionID(0xab).String(); got != "00000000000000ab" {
		t.Errorf("decision id %s", got)
	}
	if got := SessionID(1 << 63).String(); got != "8000000000000000" {
		t.Errorf("session id %s", got)
	}
	if got := (FlowID{1, 15: 2}).String(); got != "01000000000000000000000000000002" {
		t.Errorf("flow id %s", got)
	}
	if id, err := ParseDecisionID("00000000000000ab"); err != nil || id != 0xab {
		t.Errorf("ParseDecisionID = %v, %v", id, err)
	}
	for _, s := range []string{"", "ab", "00000000000000abc", "+0000000000000ab", "0x000000000000ab", "00000000000000zz"} {
		if _, err := ParseDecisionID(s); err == nil {
			t.Errorf("ParseDecisionID(%q) succeeded", s)
		}
	}
	seen := make(map[any]bool)
	for range 100 {
		name := NewID()
		if len(name) != 16 || strings.ToLower(name) != name || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("NewID() = %q, want 16 letters and digits of base 32", name)
		}
		for _, id := range []any{name, NewSessionID(), NewDecisionID(), NewFlowID()} {
			if seen[id] {
				t.Errorf("id %v came twice", id)
			}
			seen[id] = true
		}
	}
}
