package check

import (
	"errors"
	"testing"
)

// TestCheckRaw: closed ping sockets are no failure where raw ones are open.
func TestCheckRaw(t *testing.T) {
	for _, err := range []error{nil, errors.New("operation not permitted")} {
		ping := []Finding{{Name: "ping socket IPv4", Needed: true}, {Name: "ping socket IPv6"}}
		fs := orRaw(ping, err)
		if raw := fs[len(fs)-1]; len(fs) != 3 || raw.Name != "raw socket" || raw.OK != (err == nil) || Passed(fs) != (err == nil) {
			t.Errorf("raw sockets: %v: %+v", err, fs)
		}
	}
}
