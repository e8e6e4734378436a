package cmd

import (
	"strings"
	"testing"
)

// mistake is a command line that nobody meant, and the answer to it.
type mistake struct {
	typed []string // words, as a shell passes them
	says  string   // the error, without "oneping: error: "
	hint  string   // what to do
	code  int
}

// words splits a line that has nothing to quote.
func words(line string) []string { return strings.Fields(line) }

// wantAnswer runs the line and wants this answer, to the letter.
func (m mistake) wantAnswer(t *testing.T) {
	t.Helper()
	code, got := exec(t, m.typed...)
	want := "oneping: error: " + m.says + "\nhint: " + m.hint + "\n"
	if code != m.code || got != want {
		t.Errorf("oneping %q: exit code %d and\n%swant %d and\n%s", m.typed, code, got, m.code, want)
	}
}

// TestMistypedCommands: a word that is no command is answered with the one that it may stand for.
func TestMistypedCommands(t *testing.T) {
	const none = `oneping has no command `
	for _, m := range []mistake{
		{words("verison"), none + `"verison"`, "did you mean oneping version?", 2},
		{words("TUNNEL LIST"), none + `"TUNNEL"`, "did you mean oneping tunnel?", 2},
		{words("routes"), none + `"routes"`, "did you mean oneping route?", 2},
		{words("help tunnnel"), none + `"tunnnel"`, "did you mean oneping tunnel?", 2},
		{words("users"), none + `"users"`, "did you mean oneping device?", 2},
		{words("group list"), none + `"group"`, "did you mean oneping policy?", 2},
		{words("login"), none + `"login"`, "did you mean oneping client or oneping logs?", 2},
		{words("connect"), none + `"connect"`, "did you mean oneping up?", 2},
		{words("server run"), none + `"server"`, "did you mean oneping edge?", 2},
		{words("agent run"), none + `"agent"`, "did you mean oneping connector?", 2},
		{words("edge tunnel create office"), `oneping edge has no command "tunnel"`, "did you mean oneping tunnel?", 2},
		{words("edge list"), `oneping edge has no command "list"`, "did you mean oneping edge status?", 2},
		{words("edge install"), `oneping edge has no command "install"`, "did you mean oneping edge service install?", 2},
		{words("client denials"), `oneping client has no command "denials"`, "did you mean oneping client status --denials?", 2},
		{words("client check"), `oneping client has no command "check"`, "did you mean oneping client config check?", 2},
		{words("client service enable"), `oneping client service has no command "enable"`, "did you mean oneping client service install?", 2},
		{words("tunnel new office"), `oneping tunnel has no command "new"`, "did you mean oneping tunnel create?", 2},
		{words("tunnel rm office"), `oneping tunnel has no command "rm"`, "did you mean oneping tunnel delete?", 2},
		{words("tunnel ls"), `oneping tunnel has no command "ls"`, "did you mean oneping tunnel list?", 2},
		{words("route show"), `oneping route has no command "show"`, "did you mean oneping route get?", 2},
		{words("route new"), `oneping route has no command "new"`, "did you mean oneping route add?", 2},
		{words("policy list"), `oneping policy has no command "list"`, "did you mean oneping policy show?", 2},
		{words("policy why"), `oneping policy has no command "why"`, "did you mean oneping policy explain?", 2},
		{words("device add alice@example.com"), `oneping device has no command "add"`, "did you mean oneping device token?", 2},
		{words("device ban tp7n"), `oneping device has no command "ban"`, "did you mean oneping device revoke?", 2},
		{words("token create"), `oneping token has no command "create"`, "did you mean oneping device token or oneping tunnel token?", 2},
		{words("traceroute 172.16.10.120"), none + `"traceroute"`, "did you mean oneping trace?", 2},
		{words("mtr 172.16.10.120"), none + `"mtr"`, "did you mean oneping trace?", 2},
		{words("client ping 172.16.10.120"), `oneping client has no command "ping"`, "did you mean oneping ping?", 2},
		{words("lab ssh laptop"), `oneping lab has no command "ssh"`, "did you mean oneping lab shell?", 2},
	} {
		m.wantAnswer(t)
	}
}

// TestMistypedFlags: a flag that is none is answered with the one that it may stand for, a value of
// the wrong kind with the kind that is wanted.
func TestMistypedFlags(t *testing.T) {
	for _, m := range []mistake{
		{words("-V"), "unknown shorthand flag: 'V' in -V", "did you mean -v?", 2},
		{words("-version"), "unknown shorthand flag: 'e' in -ersion", "did you mean --version?", 2},
		{words("--json edge status"), "oneping has no flag --json", "a flag stands behind the command that it is for: oneping COMMAND --json", 2},
		{words("edge run --advertize edge.example.com:7844"), "unknown flag: --advertize", "did you mean --advertise?", 2},
		{words("edge run -advertise edge.example.com:7844"), "unknown shorthand flag: 'a' in -advertise", "did you mean --advertise?", 2},
		{words("edge status --json=yes"), `--json "yes": want no value`, "write --json alone, or leave it out", 2},
		{words("client status --denial"), "unknown flag: --denial", "did you mean --denials?", 2},
		{words("client status -denials"), "unknown shorthand flag: 'd' in -denials", "did you mean --denials?", 2},
		{words("client up --token laptop.token"), "unknown flag: --token", "did you mean --token-file?", 2},
		{words("client up --mtu 1400MB"), `--mtu "1400MB": want a whole number`, "see oneping client up --help", 2},
		{words("client up --mark banana"), `--mark "banana": want a whole number from 0 to 4294967295`, "see oneping client up --help", 2},
		{words("connector run --Token-File x"), "unknown flag: --Token-File", "did you mean --token-file?", 2},
		{words("tunnel create office --routes 172.16.10.0/24"), "unknown flag: --routes", "did you mean --route?", 2},
		{words("tunnel token office --user alice@example.com"), "unknown flag: --user", "--user is a flag of oneping device revoke, oneping device token, oneping policy denials", 2},
		{words("device token -u alice@example.com"), "unknown shorthand flag: 'u' in -u", "did you mean --user?", 2},
		{words("device token --user alice@example.com --ttl 1d"), `--ttl "1d": want a time such as 30m or 24h`, "write --ttl 24h", 2},
		{words("device token --user alice@example.com --ttl soon"), `--ttl "soon": want a time such as 30m or 24h`, "see oneping device token --help", 2},
		{words("policy denials --since 5"), `--since "5": want a time such as 30m or 24h`, "write --since 5m", 2},
		{words("policy denials --since 2w"), `--since "2w": want a time such as 30m or 24h`, "write --since 336h", 2},
		{words("device token --user alice@example.com --ttl 60"), `--ttl "60": want a time such as 30m or 24h`, "write --ttl 60m", 2},
		{words("device token --user --json"), "--user needs a value, and got the flag --json", "write --user USER --json", 2},
		{words("tunnel list --state-dir"), "--state-dir needs a value", "write --state-dir DIR", 2},
		{words("tunnel list --state-dir="), "--state-dir is empty: is a variable not set?", "write --state-dir DIR, or leave it out", 2},
		{words("lab down --name="), "--name is empty: is a variable not set?", "write --name NAME, or leave it out", 2},
		{words("trace -m 300 172.16.10.120"), `--max-hops "300": want a whole number from 0 to 255`, "see oneping trace --help", 2},
		{words("trace -p http 172.16.10.120"), `--port "http": want a whole number from 0 to 65535`, "see oneping trace --help", 2},
		{words("trace -T443 172.16.10.120"), `-T takes no value, and got "443"`, "write -T -p 443", 2},
		{words("trace -T44 172.16.10.120"), `-T takes no value, and got "44"`, "write -T -p 44", 2},
		{words("trace -T=443 172.16.10.120"), `-T takes no value, and got "443"`, "write -T -p 443", 2},
		{words("trace -nU53 172.16.10.120"), `-U takes no value, and got "53"`, "write -U -p 53", 2},
		{words("trace -I3 172.16.10.120"), `-I takes no value, and got "3"`, "write -I alone; see oneping trace --help", 2},
		{words("ping -O3 172.16.10.120"), `-O takes no value, and got "3"`, "write -O alone; see oneping ping --help", 2},
		{words("trace -T 443 172.16.10.120"), "oneping trace takes HOST and SIZE, and got 443 172.16.10.120", "write the port behind its flag: oneping trace -T -p 443 172.16.10.120", 2},
		{words("ping -W soon 172.16.10.120"), `--timeout "soon": want seconds, as 0.5 or 500ms, and got "soon"`, "see oneping ping --help", 2},
		{words("lab up --laptop 2"), "unknown flag: --laptop", "did you mean --laptops?", 2},
		{words("lab up --routers two"), `--routers "two": want a whole number`, "see oneping lab up --help", 2},
	} {
		m.wantAnswer(t)
	}
}

// TestGluedValues: a value right behind its flag, as fingers know it from other tools, is that flag's;
// -4 and -6 stay flags of their own behind another.
func TestGluedValues(t *testing.T) {
	for line, want := range map[string]map[string]string{
		"trace -T -p443 172.16.10.120":        {"tcp": "true", "port": "443"},
		"trace -Tp443 172.16.10.120":          {"tcp": "true", "port": "443"},
		"trace -T4 172.16.10.120":             {"tcp": "true", "ipv4": "true", "port": "0"},
		"trace -nI6 ::1":                      {"icmp": "true", "ipv6": "true"},
		"trace -q1 -m5 -f2 -w1 172.16.10.120": {"queries": "1", "max-hops": "5", "first": "2", "wait": "1"},
		"ping -c3 -i0.2 -w1 172.16.10.120":    {"count": "3", "interval": "0.2", "deadline": "1"},
		"ping -4c3 -s1372 -t9 172.16.10.120":  {"ipv4": "true", "count": "3", "size": "1372", "ttl": "9"},
		"ping -I4 172.16.10.120":              {"interface": "4"},
	} {
		root := newRootCmd("dev")
		if err := wrongCommand(root, words(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		cmd, args, err := root.Find(words(line))
		if err == nil {
			err = cmd.ParseFlags(args)
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		for name, value := range want {
			if got := cmd.Flags().Lookup(name); got == nil || got.Value.String() != value {
				t.Errorf("%s: --%s is %v, want %s", line, name, got, value)
			}
		}
	}
}

// TestStrayWords: a word too many is answered with the flag that it belongs to, one too few with an
// example, and two in the wrong order with the right one.
func TestStrayWords(t *testing.T) {
	for _, m := range []mistake{
		{words("edge run 192.0.2.1:7844"), `oneping edge run takes no argument, and got "192.0.2.1:7844"`, "did you mean --advertise 192.0.2.1:7844?", 2},
		{words("edge status json"), `oneping edge status takes no argument, and got "json"`, "did you mean --json?", 2},
		{words("edge config check my.yaml"), `oneping edge config check takes no argument, and got "my.yaml"`, "did you mean --config my.yaml?", 2},
		{words("client up laptop.token"), `oneping client up takes no argument, and got "laptop.token"`, "did you mean --token-file laptop.token?", 2},
		{words("client up client.yaml"), `oneping client up takes no argument, and got "client.yaml"`, "did you mean --config client.yaml?", 2},
		{words("client service install ./laptop.token"), `oneping client service install takes no argument, and got "./laptop.token"`, "did you mean --token-file ./laptop.token?", 2},
		{words("connector run 172.16.10.0/24"), `oneping connector run takes no argument, and got "172.16.10.0/24"`, "did you mean --allow 172.16.10.0/24?", 2},
		{words("tunnel create office 172.16.10.0/24"), `oneping tunnel create takes NAME, and got "172.16.10.0/24" beside`, "did you mean --route 172.16.10.0/24?", 2},
		{words("tunnel create office connector.token"), `oneping tunnel create takes NAME, and got "connector.token" beside`, "did you mean --output connector.token?", 2},
		{words("tunnel set office 5"), `oneping tunnel set takes NAME, and got "5" beside`, "did you mean --max-connectors 5?", 2},
		{words("tunnel show"), "oneping tunnel show takes NAME, and got 0 of 1 arguments", "for example: oneping tunnel show office; see oneping tunnel show --help", 2},
		{words("route add office"), "oneping route add takes PREFIX TUNNEL, and got 1 of 2 arguments", "for example: oneping route add 172.16.10.0/24 office; see oneping route add --help", 2},
		{words("route add office 172.16.11.0/24"), "oneping route add takes PREFIX TUNNEL, and got office 172.16.11.0/24", "did you mean oneping route add 172.16.11.0/24 office?", 2},
		{words("device token alice@example.com"), `oneping device token takes no argument, and got "alice@example.com"`, "did you mean --user alice@example.com?", 2},
		{words("edge rekey backup.tar"), `oneping edge rekey takes no argument, and got "backup.tar"`, "for example: oneping edge rekey; see oneping edge rekey --help", 2},
		{words("connector list office home"), `oneping connector list takes TUNNEL, and got "home" beside`, "for example: oneping connector list; see oneping connector list --help", 2},
		{words("device revoke alice@example.com"), `oneping device revoke takes ID…, and "alice@example.com" is a user`, "did you mean --user alice@example.com?", 2},
		{words("device delete alice@example.com"), `oneping device delete takes ID…, and "alice@example.com" is a user`, "oneping device list shows them; all that are revoked: --revoked", 2},
		{words("trace http://172.16.10.120/"), "find http://172.16.10.120/: that is no host", "name the host or its address alone, without scheme, port or length of a prefix", 2},
		{words("ping 172.16.10.120:80"), "find 172.16.10.120:80: that is no host", "name the host or its address alone, without scheme, port or length of a prefix", 2},
		{words("version 2"), `oneping version takes no argument, and got "2"`, "see oneping version --help", 2},
	} {
		m.wantAnswer(t)
	}
}

// TestPastedWords: what a page, a word processor or another shell has put into a word.
func TestPastedWords(t *testing.T) {
	for _, m := range []mistake{
		{words("device token –-user alice@example.com"), `"–-user" has a dash that is no - (–, U+2013), as pages and word processors write it`, "write it as --user", 2},
		{words("policy apply —f policy.yaml"), `"—f" has a dash that is no - (—, U+2014), as pages and word processors write it`, "write it as -f", 2},
		{words("device token --user “alice@example.com”"), `"“alice@example.com”" has a quote that no shell has taken off (“)`, "write it as alice@example.com", 2},
		{words("device token --user 'alice@example.com'"), `"'alice@example.com'" has a quote that no shell has taken off (')`, "write it as alice@example.com", 2},
		{[]string{"tunnel", "create", "office\r"}, `"office\r" has a character that nobody sees (U+000D)`, "write it as office", 2},
		{[]string{"tunnel", "create", "off\u200bice"}, `"off\u200bice" has a character that nobody sees (U+200B)`, "write it as office", 2},
		{[]string{"tunnel", "list", "”"}, `"”" has a quote that no shell has taken off (”)`, "leave it out", 2},
	} {
		m.wantAnswer(t)
	}
}
