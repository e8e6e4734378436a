package node

import (
	"testing"
	"time"
)

// A date at which a certificate ends is no deadline for anybody.
func TestCertificateForPeople(t *testing.T) {
	at := time.Date(2026, 12, 1, 12, 0, 0, 0, time.Local)
	s := Status{Identity: "oneping://client/d1", Expires: at.Add(84 * time.Hour), Renews: at}
	for want, now := range map[string]time.Time{
		"oneping://client/d1, certificate until 2026-12-05 00:00, renews by itself about 2026-12-01 12:00":     at.Add(-time.Second),
		"oneping://client/d1, certificate until 2026-12-05 00:00, is renewed by itself while the link is up":   at,
		"oneping://client/d1, certificate expired 2026-12-05 00:00, is renewed by itself when an edge answers": at.Add(84 * time.Hour),
	} {
		if got := s.CertificateText(now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := new(Status).CertificateText(at); got != "" {
		t.Errorf("before enrolment: %q", got)
	}
}
