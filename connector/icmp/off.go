package icmp

import "github.com/oneping/oneping/internal/advice"

// OffError says that no ICMP can be sent from this host as it is configured.
type OffError struct {
	Why error // with advice where a command opens ICMP
}

// newOff says why ICMP is off; hint is the command that opens it, or "".
func newOff(why error, hint string) *OffError { return &OffError{Why: advice.With(why, hint)} }

// Error says that ICMP is off and why.
func (e *OffError) Error() string { return "icmp is off: " + e.Why.Error() }

// Unwrap returns why.
func (e *OffError) Unwrap() error { return e.Why }
