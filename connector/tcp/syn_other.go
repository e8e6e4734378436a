//go:build !linux && !darwin && !windows

package tcp

import "errors"

// setSYN says no.
func setSYN(uintptr, bool, Target) error { return errors.ErrUnsupported }
