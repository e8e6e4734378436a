package conf

import (
	"os"
	"path/filepath"
)

// Dir returns where the configuration files of a host live: %ProgramData%\oneping.
func Dir() string {
	base := os.Getenv("ProgramData")
	if base == "" {
		base = `C:\ProgramData`
	}
	return filepath.Join(base, "oneping")
}
