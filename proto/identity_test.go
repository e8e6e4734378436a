package proto

import (
	"net/url"
	"testing"
)

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
