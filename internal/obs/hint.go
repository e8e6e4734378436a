package obs

import (
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
)

// Hint returns the field that says what to do about err, where it has advice, else no field.
func Hint(err error) zap.Field {
	if text := advice.Of(err); text != "" {
		return zap.String(FieldHint, text)
	}
	return zap.Skip()
}
