//go:build unix

package process

import (
	"fmt"
	"os"

	"github.com/oneping/oneping/internal/advice"
)

// CheckMode refuses the file of a key that others than its owner may read: with advice.
func CheckMode(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at key: %w", err)
	}
	if perm := fi.Mode().Perm(); perm&0o077 != 0 {
		return &advice.Error{
			Text:   fmt.Sprintf("read %s: others may read this key (mode %04o)", path, perm),
			Advice: "chmod 600 " + path,
		}
	}
	return nil
}
