//go:build !linux

package tcp

// Broken is not known here: a read tells.
func (e *endpoint) Broken() bool { return false }

// Unsent is not known here.
func (e *endpoint) Unsent() int { return 0 }

// limit leaves the system's own bound.
func (e *endpoint) limit() {}
