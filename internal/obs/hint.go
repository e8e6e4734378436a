package obs

import (
	"errors"

	"go.uber.org/zap"
)

// Hint returns the field that says what to do about err, for an error that has a Hint method, else no field.
func Hint(err error) zap.Field {
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		return zap.String(FieldHint, h.Hint())
	}
	return zap.Skip()
}
