package cmd

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestWrongProbes wants of each command line that cannot be asked: exit code 2, what is wrong, and
// where to look.
func TestWrongProbes(t *testing.T) {
	for line, want := range map[string]string{
		"trace -I -T 127.0.0.1":      "want one of -I, -U and -T, and got 2",
		"trace -4 -6 127.0.0.1":      "want one of -4 and -6, and got 2",
		"trace -m 0 127.0.0.1":       "--max-hops 0: want 1 to 255",
		"trace -f 0 127.0.0.1":       "--first 0: want 1 to 30, the last TTL",
		"trace -f 4 -m 3 127.0.0.1":  "--first 4: want 1 to 3, the last TTL",
		"trace -q 0 127.0.0.1":       "--queries 0: want 1 to 10",
		"trace -q 11 127.0.0.1":      "--queries 11: want 1 to 10",
		"trace -N 0 127.0.0.1":       "--sim-queries 0: want 1 to 512",
		"trace -N 513 127.0.0.1":     "--sim-queries 513: want 1 to 512",
		"trace -w x 127.0.0.1":       "--wait \"x\": want seconds, as 0.5 or 500ms, and got \"x\"",
		"trace -w 1,x 127.0.0.1":     "--wait \"1,x\": \"x\" is no factor",
		"trace -w 1,2,3,4 127.0.0.1": "--wait \"1,2,3,4\": want MAX or MAX,HERE,NEAR",
		"trace -w , 127.0.0.1":       "--wait \",\": want MAX or MAX,HERE,NEAR",
		"trace -s ::1 127.0.0.1":     "source \"::1\": want an address of the family of 127.0.0.1",
		"trace -s x 127.0.0.1":       "source \"x\": want an address of the family of 127.0.0.1",
		"trace 127.0.0.1 x":          "size \"x\": want a number of bytes, at most 65000",
		"trace 127.0.0.1 65001":      "size \"65001\": want a number of bytes, at most 65000",
		"trace -6 127.0.0.1":         "find 127.0.0.1: it is an address of the other family",
		"ping -4 -6 127.0.0.1":       "want one of -4 and -6, and got 2",
		"ping -c -1 127.0.0.1":       "--count -1: want at least 1",
		"ping -c 0 127.0.0.1":        "--count 0: want at least 1",
		"ping -i 0.001 127.0.0.1":    "--interval 0.001: want at least 0.002 seconds",
		"ping -s 65508 127.0.0.1":    "--size 65508: want 0 to 65507",
		"ping -s -1 127.0.0.1":       "--size -1: want 0 to 65507",
		"ping -M never 127.0.0.1":    "--pmtudisc \"never\": want do, dont, want or probe",
		"ping -I ::1 127.0.0.1":      "source \"::1\": want an address of the family of 127.0.0.1",
		"ping -4 ::1":                "find ::1: it is an address of the other family",
		"ping -W 1000001 127.0.0.1":  "--timeout \"1000001\": want seconds from 0 to 1000000, and got \"1000001\"",
		"ping -w NaN 127.0.0.1":      "--deadline \"NaN\": want seconds from 0 to 1000000, and got \"NaN\"",
		"ping -i 1d 127.0.0.1":       "--interval \"1d\": want seconds, as 0.5 or 500ms, and got \"1d\"",
		"traceroute 127.0.0.1":       "oneping has no command \"traceroute\"",
		"mtr 127.0.0.1":              "oneping has no command \"mtr\"",
		"trace":                      "oneping trace takes HOST, and got 0 of 1 arguments",
		"ping 127.0.0.1 127.0.0.2":   "oneping ping takes HOST, and got \"127.0.0.2\" beside",
	} {
		code, stderr := exec(t, strings.Fields(line)...)
		if code != 2 || !strings.HasPrefix(stderr, "oneping: error: "+want+"\nhint: ") {
			t.Errorf("oneping %s: exit code %d and\n%swant 2 and\n%s", line, code, stderr, want)
		}
		if word, _, _ := strings.Cut(line, " "); (word == "traceroute" || word == "mtr") && !strings.HasSuffix(stderr, "\nhint: did you mean oneping trace?\n") {
			t.Errorf("oneping %s: %s", line, stderr)
		}
	}
}

// TestPause reads what traceroute's -z takes.
func TestPause(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0.2": 200 * time.Millisecond, "10": 10 * time.Second, "20": 20 * time.Millisecond,
		"1e3": time.Second, "10.5": 10500 * time.Microsecond, "20s": 20 * time.Second, "5ms": 5 * time.Millisecond,
	} {
		var p pause
		if err := p.Set(text); err != nil || time.Duration(p.seconds) != want {
			t.Errorf("-z %s: %v, %v, want %v", text, time.Duration(p.seconds), err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "NaN", "Inf", "1000001"} {
		if p := new(pause); p.Set(text) == nil {
			t.Errorf("-z %s is %v", text, time.Duration(p.seconds))
		}
	}
}

// TestProbesOfThisHost traces and pings the loopback: UDP and TCP need nothing, ping a socket that not
// every host opens.
func TestProbesOfThisHost(t *testing.T) {
	times := regexp.MustCompile(`[0-9.]+ ms`)
	for line, want := range map[string]string{
		"trace -n -q 2 127.0.0.1":      "traceroute to 127.0.0.1 (127.0.0.1), 30 hops max, 60 byte packets\n 1  127.0.0.1  T  T\n",
		"trace -n -q1 -w 1,3,10 ::1 0": "traceroute to ::1 (::1), 30 hops max, 48 byte packets\n 1  ::1  T\n",
		"trace -T -p1 -nq1 127.1 1000": "traceroute to 127.1 (127.0.0.1), 30 hops max, 1000 byte packets\n 1  127.0.0.1  T\n",
	} {
		code, out := exec(t, strings.Fields(line)...)
		if got := times.ReplaceAllString(out, "T"); code != 0 || got != want {
			t.Errorf("oneping %s: exit code %d\n%swant\n%s", line, code, got, want)
		}
	}
	code, out := exec(t, "ping", "-c", "2", "-i", "0.002", "-q", "127.0.0.1")
	switch {
	case code == 2 && strings.Contains(out, "\nhint: as root: sysctl -w net.ipv4.ping_group_range="):
	case code != 0 || !strings.Contains(out, "\n2 packets transmitted, 2 received, 0% packet loss, time "):
		t.Errorf("ping: exit code %d\n%s", code, out)
	}
}
