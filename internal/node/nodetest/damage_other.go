//go:build !unix

package nodetest

// strange are damages after which there is no file; here are neither FIFOs nor devices with names.
func strange() []Damage { return nil }
