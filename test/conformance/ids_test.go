//go:build linux

package conformance

import "testing"

// compareIDs compares the IP identification by kind: a value that routers and hosts
// choose themselves says nothing, whether they choose one at all does (RFC 6864 §4.1
// leaves it free only where DF is set).
func compareIDs(t *testing.T, probes []probe, linux, oneping *exchange) {
	t.Helper()
	var seen [2]map[string][2]int // zero, other
	for i, x := range []*exchange{linux, oneping} {
		seen[i] = map[string][2]int{}
		for k := range probes {
			if probes[k].v6() {
				continue
			}
			for _, a := range x.got(probes[k].key) {
				n := seen[i][a.kind]
				if a.zeroID {
					n[0]++
				} else {
					n[1]++
				}
				seen[i][a.kind] = n
			}
		}
	}
	for kind, a := range seen[0] {
		if b, ok := seen[1][kind]; ok && (a[1] > a[0]) != (b[1] > b[0]) {
			d := diff{kind, "identification", mostly(a), mostly(b)}
			if !explain(&probe{}, d) {
				t.Errorf("%s: identification: Linux %s, oneping %s", kind, d.linux, d.oneping)
			}
		}
	}
}

func mostly(n [2]int) string {
	if n[1] > n[0] {
		return "set"
	}
	return "zero"
}
