package conf

import (
	"strings"
	"testing"
)

// A zone means something on one host alone, and "fd00::%eth0/64" reads as one address with a zone:
// neither is cut down to something that nobody has written.
func TestParsePrefix(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.0.0.1": "10.0.0.1/32", "fd00::1": "fd00::1/128", "10.0.0.1/8": "10.0.0.0/8",
		"fd00::%eth0/64": "", "fe80::1%eth0": "", "nothing": "", "::ffff:10.0.0.1": "", "::ffff:10.0.0.0/104": "",
	} {
		got, err := ParsePrefix(s)
		if want == "" && err == nil || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	var v struct {
		Deny []Prefix `yaml:"deny"`
	}
	if err := Parse("f", []byte("deny:\n  - fd00::%eth0/64\n"), &v); err == nil || !strings.Contains(err.Error(), `line 2: deny: "fd00::%eth0/64" has a zone`) {
		t.Errorf("in a file: %v", err)
	}
}
