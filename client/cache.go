package client

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
)

// readCache returns the configuration that was kept; none is no error.
func readCache(dir, path string) (network, error) {
	var n network
	if dir == "" {
		return n, nil
	}
	b, err := process.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err != nil {
		return n, fmt.Errorf("read configuration: %w", err)
	}
	if err := process.Unseal(b, &n); err != nil {
		return network{}, fmt.Errorf("read configuration %s: %w", path, err)
	}
	return n, nil
}

// unread is what is to be said of a configuration that could not be read.
func unread(err error) error {
	if advice.Of(err) != "" {
		return err
	}
	return advice.With(err, "nothing to do: it is made anew with the first link; until then only what a killed client captured stays captured")
}

// writeCache keeps the configuration; a crash leaves the old one or the new one.
func writeCache(dir, path string, n network) error {
	if dir == "" {
		return nil
	}
	b, err := process.Seal(n)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := process.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}
