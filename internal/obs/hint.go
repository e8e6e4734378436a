package obs

import (
	"errors"

	"go.uber.org/zap"
)

// Hint returns the field that says what to do about err, for an error that has a Hint method, else no field.
func Hint(err error) zap.Field {
	if advice := Advice(err); advice != "" {
		return zap.String(FieldHint, advice)
	}
	return zap.Skip()
}

// Advice returns what an error that has a Hint method says to do about it, else "".
func Advice(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
