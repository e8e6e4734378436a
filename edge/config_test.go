package edge

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
)

func TestConfigErrors(t *testing.T) {
	addr := netip.MustParseAddr
	tests := []struct {
		name string
		cfg  Config
		err  string
	}{
		{"no directory", Config{}, "edge configuration: state_dir: it is empty"},
		{"no port to listen on", Config{StateDir: "x", Listen: "0.0.0.0"}, "edge configuration: listen: \"0.0.0.0\" is not HOST:PORT"},
		{"a bad port", Config{StateDir: "x", Listen: "0.0.0.0:port"}, "listen: \"0.0.0.0:port\" has no valid port"},
		{"advertised without host", Config{StateDir: "x", Advertise: []string{":7844"}}, "advertise: \":7844\" names no host"},
		{"advertised as every address", Config{StateDir: "x", Advertise: []string{"a:1", "0.0.0.0:7844"}}, "advertise: \"0.0.0.0:7844\" names no host: nobody can send to 0.0.0.0"},
		{"advertised with a zone", Config{StateDir: "x", Advertise: []string{"[fe80::1%eth0]:7844"}}, "advertise: \"[fe80::1%eth0]:7844\": the zone %eth0 means something on this host only"},
		{"metrics without a host", Config{StateDir: "x", Metrics: "9090"}, "metrics: \"9090\" is not HOST:PORT"},
		{"advertised port 0", Config{StateDir: "x", Advertise: []string{"a:0"}}, "advertise: \"a:0\" has no valid port"},
		{"two hops of a family", Config{StateDir: "x", Hops: []netip.Addr{addr("10.0.0.1"), addr("10.0.0.2")}}, "hops: more than one address of a family"},
		{"multicast hop", Config{StateDir: "x", Hops: []netip.Addr{addr("224.0.0.1")}}, "hops: 224.0.0.1 is not a unicast address"},
		{"link-local hop", Config{StateDir: "x", Hops: []netip.Addr{addr("fe80::1")}}, "hops: fe80::1 is not a unicast address"},
		{"small MTU", Config{StateDir: "x", MTU: 1279}, "mtu: 1279 is not between 1280 and 65535"},
		{"capture of loopback", Config{StateDir: "x", Capture: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, "capture: prefix 127.0.0.0/8 is loopback, which every host keeps to itself"},
		{"capture with host bits", Config{StateDir: "x", Capture: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}}, "capture: prefix 10.0.0.1/8 has bits set behind its length"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.cfg)
			var fe *conf.FieldError
			if !errors.As(err, &fe) || !strings.Contains(err.Error(), tt.err) || advice.Of(err) == "" {
				t.Errorf("error %v with hint, want %q", err, tt.err)
			}
		})
	}
}

func TestLastHost(t *testing.T) {
	for prefix, want := range map[string]string{
		"fd00::/64":        "fd00::ffff:ffff:ffff:fffe",
		"fd12:3456::/32":   "fd12:3456:ffff:ffff:ffff:ffff:ffff:fffe",
		"fd00:1:2:3::/126": "fd00:1:2:3::2",
	} {
		if got := lastHost(netip.MustParsePrefix(prefix)); got.String() != want {
			t.Errorf("%s: %s, want %s", prefix, got, want)
		}
	}
}

func TestAdvertise(t *testing.T) {
	for listen, want := range map[string]string{"192.0.2.1:99": "192.0.2.1:99", "edge.example.com:99": "edge.example.com:99"} {
		e, err := New(Config{StateDir: t.TempDir(), Listen: listen})
		if err != nil {
			t.Fatal(err)
		}
		if got := e.advertise(); len(got) != 1 || got[0] != want {
			t.Errorf("listening on %s advertises %v, want %s", listen, got, want)
		}
	}
	e, err := New(Config{StateDir: t.TempDir(), Listen: ":99", Advertise: []string{"a.example.com:1", "b.example.com:2"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.advertise(); len(got) != 2 {
		t.Errorf("advertises %v, want what is configured", got)
	}
}
