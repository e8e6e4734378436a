//go:build !linux

package connector

// raiseDescriptorLimit has nothing to do: the Go runtime raises macOS's soft limit itself, Windows
// has none.
func raiseDescriptorLimit() (uint64, error) { return 0, nil }
