//go:build !windows

package conf

// Dir returns where the configuration files of a host live.
func Dir() string { return "/etc/oneping" }
