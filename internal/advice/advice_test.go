package advice

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestOf(t *testing.T) {
	plain := errors.New("no")
	inner := &Error{Text: "inner", Advice: "look inside", Cause: fs.ErrNotExist}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"no error", nil, ""},
		{"a plain one", plain, ""},
		{"itself", inner, "look inside"},
		{"wrapped", fmt.Errorf("open: %w", fmt.Errorf("read: %w", inner)), "look inside"},
		{"one of several", errors.Join(plain, fmt.Errorf("read: %w", inner)), "look inside"},
		{"the first of several", errors.Join(With(plain, "first"), inner), "first"},
		{"the outermost wins", &Error{Text: "outer", Advice: "look outside", Cause: inner}, "look outside"},
		{"an empty one does not hide", &Error{Text: "outer", Cause: inner}, "look inside"},
		{"none at all", &Error{Text: "outer", Cause: plain}, ""},
	} {
		if got := Of(c.err); got != c.want {
			t.Errorf("%s: Of = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWith(t *testing.T) {
	err := With(fmt.Errorf("open x: %w", fs.ErrNotExist), "make it")
	if err.Error() != "open x: file does not exist" || !errors.Is(err, fs.ErrNotExist) || Of(err) != "make it" {
		t.Errorf("With = %q, hint %q, is ErrNotExist %v", err, Of(err), errors.Is(err, fs.ErrNotExist))
	}
}
