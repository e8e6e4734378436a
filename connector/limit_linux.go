package connector

import "github.com/oneping/oneping/internal/sock"

// raiseDescriptorLimit lets this process open as many descriptors as it may: each mapping, session
// and flow is one.
func raiseDescriptorLimit() (uint64, error) { return sock.RaiseDescriptorLimit() }
