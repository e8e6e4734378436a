package proto

import (
	"net/netip"
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
			Control{Hello: &Hello{Version: "1", Hostname: "pi", OS: "linux", Arch: "arm64", Started: when, Boot: "b", Facts: Facts{ICMP: "ping"}}},
		},
		{
			`{"hello":{"version":"","hostname":"","os":"","arch":"","started":"0001-01-01T00:00:00Z","boot":"b","yield":true,"icmp":"off: no"}}`,
			Control{Hello: &Hello{Boot: "b", Yield: true, Facts: Facts{ICMP: "off: no"}}},
		},
		{
			`{"welcome":{"edge":"e1","version":"","hops":null,"hello_again":true}}`,
			Control{Welcome: &Welcome{Edge: "e1", HelloAgain: true}},
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
		{`{"config":{"tunnel":"office","idle_seconds":120}}`, Control{Config: &Config{Tunnel: "office", IdleSeconds: 120}}},
		{
			`{"config":{"number":3,"base":1,"newest":4,"more":true,"capture":["10.0.0.0/8"],"remove":["fd00::/8"]}}`,
			Control{Config: &Config{
				Number: 3, Base: 1, Newest: 4, More: true, Capture: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
				Remove: []netip.Prefix{netip.MustParsePrefix("fd00::/8")},
			}},
		},
		{`{"applied":{"number":3,"error":"no room","whole":true}}`, Control{Applied: &Applied{Number: 3, Error: "no room", Whole: true}}},
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
	got, err := ParseControl([]byte(`{"event":{"code":1,"text":"x","until":5},"teleport":{"to":"mars"}}`))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, Control{Event: &Event{Code: 1, Text: "x"}})
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
