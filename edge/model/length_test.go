package model

import "testing"

// TestMeantLength: an address that ends in zeros was probably to be a network.
func TestMeantLength(t *testing.T) {
	for written, want := range map[string]string{
		"172.16.11.0":    "172.16.11.0 is one address; a network has a length: 172.16.11.0/24",
		"172.16.0.0":     "172.16.0.0 is one address; a network has a length: 172.16.0.0/16",
		"10.0.0.0":       "10.0.0.0 is one address; a network has a length: 10.0.0.0/8",
		"fd00:10::":      "fd00:10:: is one address; a network has a length: fd00:10::/48",
		"fd00:1:2:3::":   "fd00:1:2:3:: is one address; a network has a length: fd00:1:2:3::/64",
		"172.16.11.0/32": "", "172.16.11.0/24": "", "172.16.11.1": "", "fd00:10::1": "", "0.0.0.0": "", "::": "", "office": "", "": "",
	} {
		if got := MeantLength(written); got != want {
			t.Errorf("%s: %q, want %q", written, got, want)
		}
	}
}
