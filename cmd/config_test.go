package cmd

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/proto"
)

const typingHint = "hint: correct the file; unknown keys are errors so that a typing mistake is never ignored\n"

func TestConfigCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "role.yaml")
	good := path + ": good\n--\n"
	for _, c := range []struct{ role, text, want string }{
		{"edge", "listen: \":7844\"\nhops: [192.0.0.8]\n", good},
		{"edge", "listn: x\n", "--\nerror: read " + path + ": line 1: unknown key \"listn\"; did you mean \"listen\"?\n" + typingHint},
		{"edge", "unreachable: loud\n", "--\nerror: read " + path + ": line 1: unreachable: unknown word \"loud\"\nhint: write answer or silent\n"},
		{"edge", "hops: [224.0.0.1]\n", "--\nerror: read " + path + ": line 1: hops: 224.0.0.1 is not a unicast address\nhint: name an address that no host uses, such as 192.0.0.8\n"},
		{
			"edge", "advertise: [nohost]\n", "--\nerror: read " + path + ": line 1: advertise: \"nohost\" is not HOST:PORT\n" +
				"hint: write HOST:PORT as nodes reach this edge, such as edge.example.com:7844\n",
		},
		{"edge", "store: {url: nats://127.0.0.1:4222, user: edge, password_file: " + path + ", domain: hub}\n", good},
		{
			"edge", "store:\n  creds: /etc/oneping/store.creds\n", "--\nerror: read " + path + ": line 2: store.url: it is empty, and the store in this process wants none of the other keys\n" +
				"hint: name the servers, such as nats://nats.example.com:4222, or leave the whole of store out\n",
		},
		{
			"edge", "store: {url: nats://127.0.0.1:4222, creds: /nowhere/x}\n", "--\nerror: read " + path + ": line 1: store.creds: open /nowhere/x: no such file or directory\n" +
				"hint: name the .creds file of a NATS user, which this user may read\n",
		},
		{"edge", "store: {uri: x}\n", "--\nerror: read " + path + ": line 1: unknown key \"uri\"; did you mean \"url\"?\n" + typingHint},
		{"client", "", good},
		{"client", "state_dir: /srv/oneping\ntoken_file: /etc/oneping/client.token\ntun: op0\nmtu: 1400\nmark: 0x70\nlog_level: debug\n", good},
		{"client", "tun: op0\n\nmut: 1400\nmarc: 3\n", "--\nerror: read " + path + ":\n  line 3: unknown key \"mut\"; did you mean \"mtu\"?\n  line 4: unknown key \"marc\"; did you mean \"mark\"?\n" + typingHint},
		{"client", "lan: never\n", "--\nerror: read " + path + ": line 1: lan: \"never\" is neither allow nor deny\nhint: leave it out for allow\n"},
		{"client", "mtu: 40\n", "--\nerror: read " + path + ": line 1: mtu: 40 is not within 1280 to 65535\nhint: leave it out for 1500\n"},
		{"client", "mark: -1\n", "--\nerror: read " + path + ": line 1: mark: -1 is not between 0 and 4294967295\n" + typingHint},
		{
			"client", "log_level: loud\n", "--\nerror: read " + path + ": line 1: log_level: parse log level \"loud\": want debug, info, warn or error\n" +
				"hint: leave it out for info\n",
		},
		{"connector", "", good},
		{"connector", "token_file: t\nallow: [127.0.0.1, 10.0.0.0/8]\ndeny: [172.16.10.1, \"fd00::/8\"]\nicmp: raw\nhops: true\nlog_level: warn\nstate_dir: /srv\n", good},
		{"connector", "icmp: raw\ndeny:\n  - 10.0.0.0/8\n  - 10.0.0\n", "--\nerror: read " + path + ": line 4: deny: \"10.0.0\" is not a prefix or address\n" + typingHint},
		{"connector", "alow: []\n", "--\nerror: read " + path + ": line 1: unknown key \"alow\"; did you mean \"allow\"?\n" + typingHint},
		{
			"connector", "icmp: loud\n", "--\nerror: read " + path + ": line 1: icmp: ICMP mode \"loud\" is none of auto, ping, raw\n" +
				"hint: leave it out for auto, which takes ping, then raw\n",
		},
		{
			"connector", "hops: 3\n", "--\nerror: read " + path + ": line 1: hops: hops \"3\" is none of true, single\n" +
				"hint: leave it out to show each router behind the connector\n",
		},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, stderr := oneping(t, c.role, "config", "check", "--config", path)
		if diff := cmp.Diff(c.want, stdout+"--\n"+stderr); diff != "" {
			t.Errorf("%s %q:\n%s", c.role, c.text, diff)
		}
	}
}

// TestFlagsWin wants a flag over the file, the file over the default, of every key.
func TestFlagsWin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "role.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("state_dir: /srv/client\ntoken_file: /srv/token\ntun: op0\nmtu: 1400\nmark: 7\nlan: deny\nlog_level: warn\n")
	for _, c := range []struct {
		args []string
		want client.File
	}{
		{nil, client.File{StateDir: "/srv/client", TokenFile: "/srv/token", TUN: "op0", MTU: 1400, Mark: 7, LAN: "deny", LogLevel: "warn"}},
		{
			[]string{"--state-dir", "/d", "--token-file", "-", "--tun", "op1", "--mtu", "1500", "--mark", "8", "--lan", "allow", "--log-level", "info"},
			client.File{StateDir: "/d", TokenFile: "-", TUN: "op1", MTU: 1500, Mark: 8, LAN: "allow", LogLevel: "info"},
		},
	} {
		var f clientFlags
		cmd := &cobra.Command{}
		cmd.SetContext(t.Context())
		f.bind(cmd)
		if err := cmd.ParseFlags(append(c.args, "--config", path)); err != nil {
			t.Fatal(err)
		}
		got, err := f.load(cmd)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("client %v: %v %s", c.args, err, diff)
		}
	}
	write("state_dir: /srv/connector\nallow: [127.0.0.1]\ndeny: [10.1.2.3/8]\nicmp: raw\nhops: single\n")
	for _, c := range []struct {
		args []string
		want connector.Config
	}{
		{nil, connector.Config{
			StateDir: "/srv/connector", Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
			Deny: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, ICMP: icmp.Raw, Hops: connector.HopsSingle,
		}},
		{[]string{"--state-dir", "/d", "--deny", "::1,fd00::/8", "--icmp", "ping", "--hops", "true"}, connector.Config{
			StateDir: "/d", Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
			Deny: []netip.Prefix{netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fd00::/8")}, ICMP: icmp.Ping, Hops: connector.HopsTrue,
		}},
	} {
		var f connectorFlags
		cmd := &cobra.Command{}
		cmd.SetContext(t.Context())
		f.bind(cmd)
		if err := cmd.ParseFlags(append(c.args, "--config", path)); err != nil {
			t.Fatal(err)
		}
		_, got, err := f.build(cmd)
		got = connector.Config{StateDir: got.StateDir, Allow: got.Allow, Deny: got.Deny, ICMP: got.ICMP, Hops: got.Hops}
		if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); err != nil || diff != "" {
			t.Errorf("connector %v: %v %s", c.args, err, diff)
		}
	}
	write("state_dir: /srv/edge\nlisten: \":1\"\nadvertise: [a:1]\nhops: [10.0.0.1]\ncapture: [10.0.0.0/8]\n" +
		"unreachable: silent\nmtu: 1400\nmetrics: h:1\nlog_level: warn\n")
	for _, c := range []struct {
		args []string
		want edge.File
	}{
		{nil, edge.File{
			StateDir: "/srv/edge", Listen: ":1", Advertise: []string{"a:1"}, Hops: []netip.Addr{netip.MustParseAddr("10.0.0.1")},
			Capture: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Unreachable: "silent", MTU: 1400, Metrics: "h:1", LogLevel: "warn",
		}},
		{
			[]string{
				"--state-dir", "/d", "--listen", ":2", "--advertise", "b:2", "--advertise", "c:3", "--hop", "fd00::1",
				"--capture", "fd00::/8", "--unreachable", "answer", "--mtu", "1500", "--metrics", "", "--log-level", "info",
			},
			edge.File{
				StateDir: "/d", Listen: ":2", Advertise: []string{"b:2", "c:3"}, Hops: []netip.Addr{netip.MustParseAddr("fd00::1")},
				Capture: []netip.Prefix{netip.MustParsePrefix("fd00::/8")}, Unreachable: "answer", MTU: 1500, LogLevel: "info",
			},
		},
	} {
		var f edgeFlags
		cmd := &cobra.Command{}
		cmd.SetContext(t.Context())
		f.bind(cmd)
		if err := cmd.ParseFlags(append(c.args, "--config", path)); err != nil {
			t.Fatal(err)
		}
		got, err := f.load(cmd)
		if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); err != nil || diff != "" {
			t.Errorf("edge %v: %v %s", c.args, err, diff)
		}
	}
}

// TestDefaultConfig wants this host's file left alone where a node's state is elsewhere.
func TestDefaultConfig(t *testing.T) {
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	cmd.Flags().String("state-dir", "", "")
	if got := configPath(cmd, "x.yaml", proto.RoleEdge); got != "x.yaml" {
		t.Errorf("named: %q", got)
	}
	if err := cmd.ParseFlags([]string{"--state-dir", "/d"}); err != nil {
		t.Fatal(err)
	}
	if got := configPath(cmd, "", proto.RoleEdge); got != "" {
		t.Errorf("with --state-dir: %q", got)
	}
}

// TestSampleFiles wants the keys that the shipped files explain to be real, with the values that
// hold without them.
func TestSampleFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "role.yaml")
	key := regexp.MustCompile(`(?m)^#([a-z0-9_]+:)`)
	for _, role := range []proto.Role{proto.RoleClient, proto.RoleConnector, proto.RoleEdge} {
		sample := service.Sample(role)
		open := key.ReplaceAllString(sample, "$1")
		for _, text := range []string{sample, open} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if stdout, stderr := oneping(t, string(role), "config", "check", "--config", path); stdout != path+": good\n" || stderr != "" {
				t.Errorf("%s: %s%s\n%s", role, stdout, stderr, text)
			}
		}
		if keys := len(key.FindAllString(sample, -1)); keys < 5 {
			t.Errorf("%s: %d keys explained", role, keys)
		}
	}
	got, err := client.LoadFile(writeFile(t, key.ReplaceAllString(service.Sample(proto.RoleClient), "$1")))
	want := client.File{TokenFile: service.TokenPath(proto.RoleClient), TUN: client.DefaultTUN, MTU: client.DefaultMTU, Mark: client.DefaultMark, LAN: client.LANAllow, LogLevel: "info"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("client: %v %s", err, diff)
	}
	c, err := connector.LoadFile(writeFile(t, key.ReplaceAllString(service.Sample(proto.RoleConnector), "$1")))
	if err != nil || c.ICMP != string(icmp.Auto) || c.Hops != string(connector.HopsTrue) || len(c.Allow) > 0 || c.TokenFile != service.TokenPath(proto.RoleConnector) {
		t.Errorf("connector: %v %+v", err, c)
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
