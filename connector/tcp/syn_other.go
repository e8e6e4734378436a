//go:build !linux && !darwin && !windows

package tcp

import "errors"

// setSYN says no.
func setSYN(uintptr, bool, target) error { return errors.ErrUnsupported }
