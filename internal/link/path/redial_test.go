package path_test

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// attempts counts the dial attempts of ten minutes that all fail with err.
func attempts(t *testing.T, err error) (n int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		r := path.Redial{Addrs: func() []string { return []string{"192.0.2.1:7844"} }, TLS: func(context.Context) (*tls.Config, error) { n++; return nil, err }}
		if err := r.Run(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run returned %v", err)
		}
	})
	return n
}

// Who is refused asks ever more rarely; who only fails on the way keeps asking.
func TestRedialAsksRarelyWhereItIsRefused(t *testing.T) {
	for _, err := range []error{
		&link.CloseError{Code: proto.CodeRevoked, Remote: true},
		&link.RefusedError{Code: proto.CodeRefused, Err: errors.New("this edge does not know the token")}, // to a TLS source
		&link.CloseError{Code: proto.CodeReplaced, Remote: true},                                          // two machines with one copied identity
	} {
		if n := attempts(t, err); n < 15 || n > 60 {
			t.Errorf("%d attempts in ten minutes after %q, want one every 30 s in the end", n, err)
		}
	}
	for _, err := range []error{
		errors.New("no answer"),
		&link.CloseError{Code: proto.CodeDraining, Remote: true},
		&link.CloseError{Code: proto.CodeRefused},
	} {
		if n := attempts(t, err); n < 900 {
			t.Errorf("%d attempts in ten minutes after %q, want about two a second", n, err)
		}
	}
}
