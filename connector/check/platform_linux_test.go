package check

import (
	"errors"
	"testing"

	"github.com/oneping/oneping/connector/icmp"
)

// TestCheckRaw: closed ping sockets are no failure where raw ones are open.
func TestCheckRaw(t *testing.T) {
	for _, err := range []error{nil, errors.New("operation not permitted")} {
		ping := []Finding{{Name: "ping socket IPv4", Needed: true, Fix: "sysctl"}, {Name: "ping socket IPv6", Fix: "sysctl"}}
		fs := orRaw(ping, icmp.Auto, err)
		for _, f := range fs[:2] {
			if f.OK != (err == nil) || (f.Fix == "") != (err == nil) {
				t.Errorf("raw sockets: %v: a warning that needs no fixing: %+v", err, f)
			}
		}
		if raw := fs[len(fs)-1]; len(fs) != 3 || raw.Name != "raw socket" || raw.OK != (err == nil) || Passed(fs) != (err == nil) {
			t.Errorf("raw sockets: %v: %+v", err, fs)
		}
	}
}

// TestCheckRawThatIsSet: with icmp: raw closed ping sockets do not matter, and closed raw ones fail.
func TestCheckRawThatIsSet(t *testing.T) {
	for _, err := range []error{nil, errors.New("operation not permitted")} {
		fs := orRaw([]Finding{{Name: "ping socket IPv4", Needed: true}}, icmp.Raw, err)
		if !fs[0].OK || fs[0].Needed || fs[1].OK != (err == nil) || !fs[1].Needed || Passed(fs) != (err == nil) {
			t.Errorf("raw sockets: %v: %+v", err, fs)
		}
	}
}
