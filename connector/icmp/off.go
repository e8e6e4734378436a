package icmp

// OffError says that no ICMP can be sent from this host as it is configured.
type OffError struct {
	Cause  error
	Advice string // the command that changes it
}

func (e *OffError) Error() string { return "icmp is off: " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *OffError) Unwrap() error { return e.Cause }

// Hint returns the command that opens ICMP.
func (e *OffError) Hint() string { return e.Advice }
