package proto

import (
	"bytes"
	"strings"
	"testing"
)

func TestTokenRoundTrip(t *testing.T) {
	want := Token{
		Kind: TokenTunnel, Edges: []string{"198.51.100.1:7844", "[fd00::1]:7844"}, CA: bytes.Repeat([]byte{1}, 32),
		ID: "abc", Secret: bytes.Repeat([]byte{2}, 32),
	}
	s := want.String()
	golden := "op1_eyJrIjoidHVubmVsIiwiZSI6WyIxOTguNTEuMTAwLjE6Nzg0NCIsIltmZDAwOjoxXTo3ODQ0Il0sImMiOiJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFQkFRRUJBUUVCQVFFPSIsImkiOiJhYmMiLCJzIjoiQWdJQ0FnSUNBZ0lDQWdJQ0FnSUNBZ0lDQWdJQ0FnSUNBZ0lDQWdJQ0FnST0ifQ"
	if s != golden {
		t.Errorf("token\n got %s\nwant %s", s, golden)
	}
	got, err := ParseToken("  " + s + "\n")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, want)
}

// A damaged token is refused, and the error never quotes it: errors end in logs.
func TestTokenRefuses(t *testing.T) {
	good := Token{Kind: TokenDevice, Edges: []string{"e:1"}, CA: make([]byte, 32), ID: "id", Secret: bytes.Repeat([]byte{0x5a}, 32)}
	bad := map[string]string{
		"empty":         "",
		"no prefix":     strings.TrimPrefix(good.String(), TokenPrefix),
		"other prefix":  "op2_" + strings.TrimPrefix(good.String(), TokenPrefix),
		"not base64url": good.String() + "!",
		"not JSON":      TokenPrefix + "AAAA",
	}
	for name, change := range map[string]func(t *Token){
		"unknown kind": func(t *Token) { t.Kind = "robot" },
		"no edges":     func(t *Token) { t.Edges = nil },
		"short CA":     func(t *Token) { t.CA = t.CA[:31] },
		"no id":        func(t *Token) { t.ID = "" },
		"short secret": func(t *Token) { t.Secret = t.Secret[:31] },
		"long secret":  func(t *Token) { t.Secret = make([]byte, 33) },
	} {
		tok := good
		change(&tok)
		bad[name] = tok.String()
	}
	for name, s := range bad {
		_, err := ParseToken(s)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if body := strings.TrimPrefix(s, TokenPrefix); len(body) > 8 && strings.Contains(err.Error(), body[:8]) {
			t.Errorf("%s: the error quotes the token: %v", name, err)
		}
	}
	whole := good.String()
	for n := range len(whole) {
		if _, err := ParseToken(whole[:n]); err == nil {
			t.Errorf("a token cut to %d of %d characters was accepted", n, len(whole))
		}
	}
}
