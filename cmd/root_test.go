package cmd

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// exec runs a command line as main does and returns its exit code and standard error.
func exec(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	return execUnder(t, t.Context(), args...)
}

func execUnder(t *testing.T, ctx context.Context, args ...string) (code int, stderr string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	own, out := os.Stderr, os.Stdout
	os.Stderr, os.Stdout = w, w
	defer func() { os.Stderr, os.Stdout = own, out }()
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		text <- string(b)
	}()
	code = run(ctx, "dev", args)
	_ = w.Close()
	return code, <-text
}

// TestWrongCommandLines wants of each: exit code 2, what is wrong, and what to do.
func TestWrongCommandLines(t *testing.T) {
	for line, want := range map[string]string{
		"foo":                              "oneping: error: oneping has no command \"foo\"\nhint: see oneping --help\n",
		"lba":                              "oneping: error: oneping has no command \"lba\"\nhint: did you mean oneping lab?\n",
		"client service restart":           "oneping: error: oneping client service has no command \"restart\"\nhint: did you mean oneping client restart?\n",
		"client service status":            "oneping: error: oneping client service has no command \"status\"\nhint: did you mean oneping client status?\n",
		"edge service start":               "oneping: error: oneping edge service has no command \"start\"\nhint: did you mean oneping edge up?\n",
		"stauts":                           "oneping: error: oneping has no command \"stauts\"\nhint: did you mean oneping status?\n",
		"client down --for 10":             "oneping: error: --for \"10\": want a time from 1s to 7d\nhint: write --for 10m, or --for 2h\n",
		"down --for 1000h":                 "oneping: error: --for \"1000h\": want a time from 1s to 7d\nhint: write --for 10m, or --for 2h\n",
		"logs --lines 0":                   "oneping: error: --lines 0: want at least 1\nhint: write --lines 100\n",
		"edge run now":                     "oneping: error: oneping edge run takes no argument, and got \"now\"\nhint: for example: oneping edge run --advertise edge.example.com:7844; see oneping edge run --help\n",
		"edge run --hop x":                 "oneping: error: --hop \"x\": want an address such as 172.68.101.57\nhint: see oneping edge run --help\n",
		"edge run --unreachable x":         "oneping: error: edge configuration: unreachable: unknown word \"x\"\nhint: write answer or silent\n",
		"edge run --listen 7844":           "oneping: error: edge configuration: listen: \"7844\" is not HOST:PORT\nhint: write HOST:PORT, such as 0.0.0.0:7844\n",
		"client up --mtu 1279":             "oneping: error: client configuration: mtu: 1279 is not within 1280 to 65535\nhint: leave it out for 1500\n",
		"lab ls":                           "oneping: error: oneping lab has no command \"ls\"\nhint: did you mean oneping lab status?\n",
		"lab pu":                           "oneping: error: oneping lab has no command \"pu\"\nhint: a command for the laptop stands after --: oneping lab -- pu\n",
		"lab traceroute -I x":              "oneping: error: unknown shorthand flag: 'I' in -I\nhint: see oneping lab --help; a command for the laptop stands after --\n",
		"lab exec laptop ls -l":            "oneping: error: unknown shorthand flag: 'l' in -l\nhint: a command stands after --: oneping lab exec NODE -- COMMAND…\n",
		"policy apply policy.yaml":         "oneping: error: oneping policy apply takes no argument, and got \"policy.yaml\"\nhint: a file is named with -f: oneping policy apply -f policy.yaml\n",
		"help clietn":                      "oneping: error: oneping has no command \"clietn\"\nhint: did you mean oneping client?\n",
		"lab shell":                        "oneping: error: oneping lab shell takes NODE, and got 0 of 1 arguments\nhint: for example: oneping lab shell laptop; see oneping lab shell --help\n",
		"lab up --laptops 0":               "oneping: error: laptops 0: want at least 1\nhint: see oneping lab --help\n",
		"lab up --nmae x":                  "oneping: error: unknown flag: --nmae\nhint: did you mean --name?\n",
		"policy explain alice@example.com": "oneping: error: oneping policy explain takes DECISION-ID, or SRC and DST\nhint: for example: oneping policy explain alice@example.com tcp 172.16.10.120:22; see oneping policy explain --help\n",
	} {
		if code, stderr := exec(t, strings.Fields(line)...); code != 2 || stderr != want {
			t.Errorf("oneping %s: exit code %d and\n%swant 2 and\n%s", line, code, stderr, want)
		}
	}
}

// TestEmptyArguments: a variable that is not set is no name, and nobody is asked about it.
func TestEmptyArguments(t *testing.T) {
	for command, want := range map[string]string{
		"tunnel show":      "oneping tunnel show takes NAME, and NAME is empty",
		"device show":      "oneping device show takes ID, and ID is empty",
		"device revoke":    "oneping device revoke takes ID…, and got none",
		"device delete":    "oneping device delete takes ID…, and got none",
		"token cancel":     "oneping token cancel takes ID…, and got none",
		"connector revoke": "oneping connector revoke takes ID…, and got none",
		"connector list":   "oneping connector list takes TUNNEL, and TUNNEL is empty",
		"edge restore":     "oneping edge restore takes FILE, and FILE is empty", // and is not restored without one
	} {
		if _, stderr := oneping(t, append(strings.Fields(command), "")...); !strings.HasPrefix(stderr, "error: "+want+"\nhint: ") {
			t.Errorf("%s: %q", command, stderr)
		}
	}
}
