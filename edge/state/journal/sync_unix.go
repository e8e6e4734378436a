//go:build unix

package journal

import "os"

// syncFolder makes the names in a directory last: fsync(2) of the file does not.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
