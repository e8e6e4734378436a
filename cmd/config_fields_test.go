package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/edge"
)

// Bad values by what a field holds. Each stands alone in its line; where the field is a list it is an
// item of it.
var (
	notText     = []string{"[a, b]", "{a: b}"}
	notNumber   = []string{"many", "1.5", "-1", "99999999999999999999", "[1]", "{a: 1}", "true", "1k", "0x"}
	notHostPort = []string{"9090", "host", "'host:'", "host:port", "host:65536", "host:-1", "fd00::1", "[fd00::1]", "http://h:1/", "h h:1"}
	notPrefix   = []string{"10.0.0", "10.0.0.0/33", "10.0.0.0/-1", "fd00::%eth0/64", "example.com", "10.0.0.0-10.0.0.9"}
	notLevel    = []string{"loud", "1", "true"}
)

// badValues are the values that each key of each role's file must refuse; nil: whatever is text is good.
var badValues = map[string]map[string][]string{
	"client": {
		"state_dir":  append([]string{"~/oneping"}, notText...),
		"token_file": append([]string{"~/token"}, notText...),
		"tun":        append([]string{"a/b", "a b", "sixteencharacter", "..", "eth0:1"}, notText...),
		"mtu":        append([]string{"1279", "65536", "40"}, notNumber...),
		"mark":       append([]string{"4294967296"}, notNumber...),
		"lan":        append([]string{"never", "1", "Allow"}, notText...),
		"log_level":  append(notLevel, notText...),
	},
	"connector": {
		"state_dir":  append([]string{"~/oneping"}, notText...),
		"token_file": append([]string{"~/token"}, notText...),
		"allow":      append([]string{"fe80::1%eth0", "::ffff:10.0.0.0/104", "''"}, notPrefix...),
		"deny":       notPrefix,
		"icmp":       append([]string{"loud", "1"}, notText...),
		"hops":       append([]string{"3", "many"}, notText...),
		"metrics":    append(notHostPort, notText...),
		"log_level":  append(notLevel, notText...),
	},
	"edge": {
		"state_dir":    append([]string{"~root/oneping"}, notText...),
		"listen":       append(notHostPort, notText...),
		"advertise":    append([]string{"0.0.0.0:7844", "'[::]:7844'", "':7844'", "h:0", "224.0.0.1:1", "255.255.255.255:1", "'[fe80::1%eth0]:1'"}, notHostPort...),
		"hops":         {"10.0.0", "10.0.0.1/24", "fe80::1%eth0", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::ffff:10.0.0.1", "example.com", "9"},
		"capture":      append([]string{"10.0.0.1/8", "127.0.0.0/8", "224.0.0.0/4", "fe80::/10", "10.0.0.1"}, notPrefix...),
		"unreachable":  append([]string{"loud", "false"}, notText...),
		"mtu":          append([]string{"1279", "65536"}, notNumber...),
		"idle_seconds": append([]string{"65536"}, notNumber...),
		"prefix4":      append([]string{"fd00::/64", "127.0.0.0/8", "224.0.0.0/8", "10.0.0.0/32", "::ffff:10.0.0.0/104"}, notPrefix...),
		"prefix6":      append([]string{"10.0.0.0/8", "fe80::/64"}, notPrefix...),
		"store":        {"nats://h:1", "[a]", "{url: [a]}", "{url: 'http://h:1'}", "{creds: /x}", "{url: nats://h:1, user: u}"},
		"metrics":      append(notHostPort, notText...),
		"log_level":    append(notLevel, notText...),
	},
}

// TestBadValues walks every key of every role's file: a bad value is refused before anything starts,
// with exit code 2, the line, the key and a hint.
func TestBadValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "role.yaml")
	for role, file := range map[string]reflect.Type{
		"client": reflect.TypeFor[client.File](), "connector": reflect.TypeFor[connector.File](), "edge": reflect.TypeFor[edge.File](),
	} {
		for i := range file.NumField() {
			key := file.Field(i).Tag.Get("yaml")
			values, ok := badValues[role][key]
			if !ok {
				t.Errorf("%s: nothing is said of %s", role, key)
			}
			list := file.Field(i).Type.Kind() == reflect.Slice
			if list {
				values = append(values, "[x]", "{a: b}")
			}
			for _, value := range values {
				text, line := "# "+role+"\n\n"+key+": "+value+"\n", 3
				if list {
					text, line = "# "+role+"\n\n"+key+":\n  # one\n  - "+value+"\n", 5
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				wantRefused(t, role, path, text, fmt.Sprintf("read %s: line %d: %s", path, line, key))
			}
		}
	}
}

// wantRefused wants "config check" to end with 2 and to say so.
func wantRefused(t *testing.T, role, path, text, said string) {
	t.Helper()
	stdout, stderr, code := onepingCode(t, role, "config", "check", "--config", path)
	if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "error: "+said) || !strings.Contains(stderr, "\nhint: ") {
		t.Errorf("%s %q: exit code %d, %s%s\twant %s", role, text, code, stdout, stderr, said)
	}
	for _, word := range []string{"unmarshal", "!!", "netip.", "invalid argument", "strconv"} {
		if strings.Contains(stderr, word) {
			t.Errorf("%s %q: that is no English: %s", role, text, stderr)
		}
	}
}

// TestBadFiles: what is wrong with a file as a whole.
func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "role.yaml")
	for text, want := range map[string]string{
		"tun: a\nmtu: 1400\ntun: b\n":      "read " + path + ": line 3: tun: it is set in line 1, too",
		"tun: a\nlog-level: info\n":        "read " + path + ": line 2: unknown key \"log-level\"; did you mean \"log_level\"?",
		"TUN: a\n":                         "read " + path + ": line 1: unknown key \"TUN\"",
		"banana: a\n":                      "read " + path + ": line 1: unknown key \"banana\"\n",
		strings.Repeat("a", 300) + ": 1\n": "read " + path + ": line 1: unknown key \"" + strings.Repeat("a", 64) + "…\"\n",
		"- tun\n":                          "read " + path + ": line 1: want lines of the form key: value",
		"tun\n":                            "read " + path + ": line 1: want lines of the form key: value",
		"tun: a\n\tmtu: 1400\n":            "read " + path + ": line 2: indent with spaces, not with a tab",
		"allow: [10.0.0.0/8]\n":            "read " + path + ": line 1: unknown key \"allow\"",
		"tun: a: b\n":                      "read " + path + ": a colon where none may be",
		"tun: \"a\n":                       "read " + path + ": line 2: the file ends within quotes",
		"tun: [a\n":                        "read " + path + ": line 1: a list that is not closed: ',' or ']' is missing",
		"tun: a\x00\n":                     "read " + path + ": a control character: is this a text file?",
		"tun: \xff\n":                      "read " + path + ": not UTF-8: save the file as UTF-8 text",
		"tun: a\n---\ntun: b\n":            "read " + path + ": a second document; one file holds one",
		strings.Repeat("# remark\n", 1<<20/9+1) + "tun: not a name\n": "read " + path + ": it is longer than 1 MiB",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, "client", path, text[:min(len(text), 40)], want)
	}
	wantRefused(t, "edge", dir, "a directory", "read "+dir+": is a directory")
	wantRefused(t, "edge", filepath.Join(dir, "no"), "no file", "read "+filepath.Join(dir, "no")+": no such file or directory")
	// An empty value is one that is left out.
	if err := os.WriteFile(path, []byte("\ufefftun:\nmtu: ~\nmark: null\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, code := onepingCode(t, "client", "config", "check", "--config", path); code != 0 || stdout != path+": good\n" {
		t.Errorf("%d, %s%s", code, stdout, stderr)
	}
	// What a flag says is not the file's fault.
	_, stderr, code := onepingCode(t, "client", "config", "check", "--config", path, "--mtu", "40")
	if want := "error: client configuration: mtu: 40 is not within 1280 to 65535\n"; code != 2 || !strings.HasPrefix(stderr, want) {
		t.Errorf("%d, %s", code, stderr)
	}
}

// TestNoHome: without a home there is no place that a user's state is found again.
func TestNoHome(t *testing.T) {
	if os.Geteuid() == 0 {
		return // root's is below /var/lib: internal/process has the cases
	}
	t.Setenv("HOME", "")
	_, stderr, code := onepingCode(t, "client", "config", "check")
	if want := "error: client configuration: state_dir: there is no default: this process has no home ($HOME is not set)\n"; code != 2 || !strings.HasPrefix(stderr, want) {
		t.Errorf("%d, %s", code, stderr)
	}
}
