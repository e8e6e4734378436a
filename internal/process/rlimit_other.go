//go:build !linux

package process

// RaiseDescriptorLimit has nothing to do: the Go runtime raises macOS's soft limit
// itself, Windows has none.
func RaiseDescriptorLimit() (uint64, error) { return 0, nil }
