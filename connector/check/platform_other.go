//go:build !linux

package check

import "github.com/oneping/oneping/connector/icmp"

// platformChecks tries what the system must allow.
func platformChecks(icmp.Mode) []Finding {
	fs := make([]Finding, 0, 2)
	for _, c := range []struct {
		name string
		v6   bool
	}{{"echo IPv4", false}, {"echo IPv6", true}} {
		if err := icmp.TryPing(c.v6); err != nil {
			fs = append(fs, failed(c.name, !c.v6, err, ""))
			continue
		}
		fs = append(fs, Finding{Name: c.name, OK: true, Needed: !c.v6, Detail: "opened"})
	}
	return fs
}
