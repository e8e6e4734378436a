package state

import (
	"errors"

	"github.com/oneping/oneping/internal/advice"
)

// ErrNotFound is found (errors.Is) in the error about a tunnel, route, device or token that does not exist.
var ErrNotFound = errors.New("not found")

func notFound(what, list string) error {
	return &advice.Error{Text: what + " does not exist", Advice: "list them: oneping " + list, Cause: ErrNotFound}
}
