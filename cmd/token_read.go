package cmd

import (
	"context"
	"errors"
	"os"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// besideToken says of a role that cannot start, since something has what it needs, what is wrong with
// the token in path as well: whoever starts it by hand mends both at once. What has to be waited for,
// as standard input, is not read for that.
func besideToken(ctx context.Context, err error, role proto.Role, path string) error {
	if !isTaken(err) || path == "-" {
		return err
	}
	if fi, stat := os.Stat(path); path != "" && stat == nil && !fi.Mode().IsRegular() && !fi.IsDir() {
		return err
	}
	token, have, wrong := process.ReadToken(ctx, role, path)
	if wrong == nil && have {
		wrong = process.CheckTokenKind(token, role)
	}
	if wrong == nil {
		return err
	}
	hint := advice.Of(wrong)
	if more := advice.Of(err); hint != "" && more != "" {
		hint += "; " + more
	}
	return &advice.Error{Text: wrong.Error() + "; and " + err.Error(), Advice: hint, Cause: errors.Join(wrong, err)}
}
