package cmd

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestAnswer(t *testing.T) {
	for said, want := range map[string]string{"yes\n": "", " yes ": "", "y\n": "nothing was done", "\n": "nothing was done", "": "nothing was done", "YES\n": "nothing was done"} {
		var out bytes.Buffer
		err := answer(strings.NewReader(said), &out, errors.New("0.0.0.0/0 is all of IPv4"))
		if (err == nil) != (want == "") || err != nil && err.Error() != want || out.String() != "0.0.0.0/0 is all of IPv4\nDo it? Type yes: " {
			t.Errorf("%q: %v, %q", said, err, out.String())
		}
	}
}

// Where nobody can be asked, each command that takes prefixes refuses a very short one before
// anything is done, with what it would do.
func TestShortPrefixesAreAskedAbout(t *testing.T) {
	const rest = ": within a second every laptop sends what is for it to the edge, and loses what no grant allows, the Internet too\n" +
		"hint: where that is what you want, say --yes; else write a longer prefix\n"
	for command, want := range map[string]string{
		"route add 0.0.0.0/0 office":                      "0.0.0.0/0 is all of IPv4" + rest,
		"route add ::/1 office":                           "::/1 is 1/2 of IPv6" + rest,
		"route capture add 128.0.0.0/1":                   "128.0.0.0/1 is 1/2 of IPv4" + rest,
		"tunnel create x --route 10.0.0.0/8,2000::/3":     "2000::/3 is 1/8 of IPv6" + rest,
		"tunnel create x --route 10.0.0.0/8 --route ::/0": "::/0 is all of IPv6" + rest,
	} {
		if _, stderr, code := onepingCode(t, append(strings.Fields(command), "--state-dir", t.TempDir())...); code != 1 || stderr != "error: "+want {
			t.Errorf("oneping %s: %d, %q; want %q", command, code, stderr, want)
		}
		if _, stderr, code := onepingCode(t, append(strings.Fields(command), "--yes", "--state-dir", t.TempDir())...); code != 1 || !strings.Contains(stderr, "no edge is running") {
			t.Errorf("oneping %s --yes: %d, %q", command, code, stderr)
		}
	}
}
