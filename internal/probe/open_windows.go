package probe

import "errors"

// Open says no.
func Open(Config) (Sender, error) { return nil, errors.ErrUnsupported }
