package sock

import "testing"

// The command that lets a group in puts no other one out.
func TestOpenPingWidens(t *testing.T) {
	for now, want := range map[string]string{
		"1\t0\n":          "65534 65534", // closed
		"":                "65534 65534", // cannot be read
		"0\t0\n":          "0 65534",
		"1000\t2000\n":    "1000 65534",
		"70000\t80000\n":  "65534 80000",
		"0\t2147483647\n": "0 2147483647",
	} {
		if got := openPing(65534, now); got != `sysctl -w net.ipv4.ping_group_range="`+want+`"` {
			t.Errorf("with %q: %s, want %s", now, got, want)
		}
	}
}
