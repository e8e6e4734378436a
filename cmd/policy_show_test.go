package cmd

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
)

func TestShowADenial(t *testing.T) {
	p, err := policy.Compile(model.Policy{Grants: []model.Grant{{ID: "eng", Who: []string{"alice"}, To: []string{"10.0.0.0/8"}, How: []string{"icmp"}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := policy.NewLog()
	id, _ := log.Deny(p, p.Principal("bobsdevice", "bob"), policy.Target{Dst: netip.MustParseAddr("10.0.0.1"), Proto: policy.TCP, Port: 22})
	e, err := log.Explain(id, p)
	if err != nil {
		t.Fatal(err)
	}
	e.Time = time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	var out strings.Builder
	if err := writeExplanation(&out, &admin.Explanation{Explanation: e}); err != nil {
		t.Fatal(err)
	}
	want := `decision     ` + id.String() + `
time         2026-11-22 12:00:00
principal    bob; device bobsdevice
destination  tcp 10.0.0.1:22
tunnel       none: no route
answer       denied: no grant matches

GRANT  MATCH  WHY NOT
eng    no     who: bob, device:bobsdevice is not among alice; how: tcp:22 is not among icmp
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// What is allowed and would not arrive all the same is said so.
func TestExplainWhatIsAllowedAndDoesNotArrive(t *testing.T) {
	for _, c := range []struct {
		e    admin.Explanation
		want string
	}{
		{admin.Explanation{Explanation: policy.Explanation{Allowed: true}, Route: &admin.Lookup{}}, "none: no route, so it is answered with net unreachable"},
		{admin.Explanation{Explanation: policy.Explanation{Allowed: true}, Route: &admin.Lookup{Silent: true}}, "none: no route, so it is dropped (unreachable: silent)"},
		{admin.Explanation{Explanation: policy.Explanation{Tunnel: "office", Allowed: true}, Route: &admin.Lookup{Route: &admin.Route{}}}, "office: no connector is connected, so it is answered with host unreachable"},
		{admin.Explanation{Explanation: policy.Explanation{Tunnel: "office", Allowed: true}, Route: &admin.Lookup{Route: &admin.Route{Connected: 1}}}, "office"},
		{admin.Explanation{Explanation: policy.Explanation{Tunnel: "office"}, Route: &admin.Lookup{Route: &admin.Route{}}}, "office"},
		{admin.Explanation{Explanation: policy.Explanation{Tunnel: "office"}}, "office"}, // of an id: as it was then
		{admin.Explanation{}, "none: no route"},
	} {
		var out strings.Builder
		if err := writeExplanation(&out, &c.e); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "\ntunnel       "+c.want+"\n") {
			t.Errorf("want %q in\n%s", c.want, out.String())
		}
	}
}

// TestWriteDenials shows one line for each sum, the services as grants name them.
func TestWriteDenials(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.Local)
	list := []policy.Denied{
		{User: "alice@example.com", Dst: netip.MustParseAddr("172.16.10.120"), Service: "tcp:22", First: at, Last: at.Add(time.Hour), Count: 12, ID: 0x5f0c1d2e3a4b5968},
		{User: "bob@example.com", Dst: netip.MustParseAddr("fd00::1"), Service: "trace", First: at, Last: at, Count: 1, ID: 0x0c1d2e3a4b5968ff},
		{User: "bob@example.com", Service: "others", First: at, Last: at, Count: 3, ID: 0x0c1d2e3a4b5968fe},
	}
	const want = `USER               DESTINATION    SERVICE  COUNT  FIRST                LAST                 DECISION
alice@example.com  172.16.10.120  tcp:22   12     2026-11-27 12:00:00  2026-11-27 13:00:00  5f0c1d2e3a4b5968
bob@example.com    fd00::1        trace    1      2026-11-27 12:00:00  2026-11-27 12:00:00  0c1d2e3a4b5968ff
bob@example.com    -              others   3      2026-11-27 12:00:00  2026-11-27 12:00:00  0c1d2e3a4b5968fe
`
	var b strings.Builder
	if err := writeDenials(&b, list); err != nil || b.String() != want {
		t.Errorf("%v:\n%s\nwant\n%s", err, b.String(), want)
	}
}
