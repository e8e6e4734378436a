package proto

import (
	"bytes"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestControlGolden(t *testing.T) {
	when := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		json string
		want Control
	}{
		{
			`{"hello":{"version":"1","hostname":"pi","os":"linux","arch":"arm64","started":"2026-11-22T05:00:00Z","boot":"b","icmp":"ping"}}`,
			Control{Hello: &Hello{Version: "1", Hostname: "pi", OS: "linux", Arch: "arm64", Started: when, Boot: "b", ICMP: "ping"}},
		},
		{
			`{"welcome":{"edge":"e1","version":"1","hops":["172.68.101.57","fd00::57"],"number":1,"more":true,"addrs":["100.96.0.1"],"capture":["172.16.0.0/12"],"user":"alice","device":"d1"}}`,
			Control{Welcome: &Welcome{
				Edge: "e1", Version: "1", Hops: []netip.Addr{netip.MustParseAddr("172.68.101.57"), netip.MustParseAddr("fd00::57")},
				Config: Config{
					Addrs: []netip.Addr{netip.MustParseAddr("100.96.0.1")}, Capture: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")},
					User: "alice", Device: "d1", Number: 1, More: true,
				},
			}},
		},
		{`{"config":{"tunnel":"office","silent":true,"idle_seconds":120}}`, Control{Config: &Config{Tunnel: "office", Silent: true, IdleSeconds: 120}}},
		{
			`{"config":{"number":3,"base":1,"newest":4,"more":true,"capture":["10.0.0.0/8"],"remove":["fd00::/8"]}}`,
			Control{Config: &Config{
				Number: 3, Base: 1, Newest: 4, More: true, Capture: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
				Remove: []netip.Prefix{netip.MustParsePrefix("fd00::/8")},
			}},
		},
		{`{"applied":{"number":3,"error":"no room","whole":true}}`, Control{Applied: &Applied{Number: 3, Error: "no room", Whole: true}}},
		{
			`{"routes":{"version":7,"add":["10.0.0.0/8"],"remove":["fd00::/8"],"more":true}}`,
			Control{Routes: &Routes{
				Version: 7, Add: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
				Remove: []netip.Prefix{netip.MustParsePrefix("fd00::/8")}, More: true,
			}},
		},
		{`{"drain":{"reason":"restart"}}`, Control{Drain: &Drain{Reason: "restart"}}},
		{`{"event":{"code":4,"text":"revoked by admin"}}`, Control{Event: &Event{Code: CodeRevoked, Text: "revoked by admin"}}},
		{`{"report":{"sent":18446744073709551615,"received":1}}`, Control{Report: &Report{Sent: 1<<64 - 1, Received: 1}}},
		{
			`{"denial":{"id":"00000000000000ff","time":"2026-11-22T05:00:00Z","protocol":"tcp","dst":"172.16.10.120:22"}}`,
			Control{Denial: &Denial{ID: 255, Time: when, Protocol: "tcp", Dst: "172.16.10.120:22"}},
		},
		{`{"renew":{"csr":"AQI="}}`, Control{Renew: &Renew{CSR: []byte{1, 2}}}},
		{`{"renewed":{"cert":"AQI=","error":"no"}}`, Control{Renewed: &Renewed{Cert: []byte{1, 2}, Error: "no"}}},
		{
			`{"ended":{"addrs":["100.96.0.1","fd00::1"]}}`,
			Control{Ended: &Ended{Addrs: []netip.Addr{netip.MustParseAddr("100.96.0.1"), netip.MustParseAddr("fd00::1")}}},
		},
	} {
		b, err := AppendControl([]byte{0xff}, &c.want)
		if err != nil {
			t.Fatal(err)
		}
		wantBytes(t, b, append(AppendLength([]byte{0xff}, len(c.json)), c.json...))
		got, err := ParseControl(b[5:])
		if err != nil {
			t.Fatal(err)
		}
		equal(t, got, c.want)
	}
}

// A newer peer may say more than we know.
func TestControlIgnoresTheUnknown(t *testing.T) {
	got, err := ParseControl([]byte(`{"drain":{"reason":"x","until":5},"teleport":{"to":"mars"}}`))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, Control{Drain: &Drain{Reason: "x"}})
	if got, err = ParseControl([]byte(`{"teleport":{}}`)); err != nil {
		t.Fatal(err)
	}
	equal(t, got, Control{})
}

func TestControlRefuses(t *testing.T) {
	for _, body := range []string{"", "{", `[]`, `{"hello":5}`, `{"denial":{"id":"ff"}}`, `{"config":{"addrs":["1.2.3"]}}`, `{"event":{"code":65536}}`} {
		if _, err := ParseControl([]byte(body)); err == nil {
			t.Errorf("ParseControl(%q) succeeded", body)
		}
	}
	longest := make([]netip.Addr, MaxEnded)
	for i := range longest {
		longest[i] = netip.MustParseAddr("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	}
	if b, err := AppendControl(nil, &Control{Ended: &Ended{Addrs: longest}}); err != nil || len(b) > MaxControl/4 {
		t.Errorf("the longest list of ended addresses: %d bytes, %v", len(b), err)
	}
	large := Control{Event: &Event{Text: strings.Repeat("x", MaxControl)}}
	if b, err := AppendControl([]byte("keep"), &large); err == nil || string(b) != "keep" {
		t.Errorf("a message over MaxControl: %d bytes, error %v; want the slice as it was and an error", len(b), err)
	}
}

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

func TestIdentityRoundTrip(t *testing.T) {
	for text, want := range map[string]Identity{
		"oneping://client/d1":         {Role: RoleClient, ID: "d1"},
		"oneping://connector/tun/r1":  {Role: RoleConnector, ID: "r1", Tunnel: "tun"},
		"oneping://edge/e1":           {Role: RoleEdge, ID: "e1"},
		"oneping://connector/a%20b/r": {Role: RoleConnector, ID: "r", Tunnel: "a b"},
	} {
		if got := want.String(); got != text {
			t.Errorf("identity %+v is written %s, want %s", want, got, text)
		}
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseIdentity(u)
		if err != nil || got != want {
			t.Errorf("ParseIdentity(%s) = %+v, error %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "oneping:", "oneping://client", "oneping://client/", "oneping://client/a/b", "oneping://connector/r1",
		"oneping://connector//r1", "oneping://connector/t/", "oneping://robot/x", "https://client/d1", "oneping:client/d1", "oneping://edge/e/1",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseIdentity(u); err == nil {
			t.Errorf("ParseIdentity(%q) = %+v, want an error", text, got)
		}
	}
}

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

func TestCodeNames(t *testing.T) {
	for c := CodeOK; c < codeAfterLastName; c++ {
		if s := c.String(); s == "" || strings.HasPrefix(s, "code ") {
			t.Errorf("code %d has no name", uint16(c))
		}
	}
	// The numbers are part of the protocol: they never change.
	for c, want := range map[Code]string{0: "ok", 2: "protocol violation", 4: "revoked", 9: "reset", 12: "denied", 14: "aborted", 15: "memory short", 16: "code 16", 65535: "code 65535"} {
		if got := c.String(); got != want {
			t.Errorf("code %d = %q, want %q", uint16(c), got, want)
		}
	}
}
