//go:build !linux

package process

// dying cannot tell here: the grace of a lock has to do.
func dying(int) bool { return false }
