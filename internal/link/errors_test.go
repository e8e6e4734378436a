package link

import (
	"testing"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// Links that do not come back by themselves say what to do; the others say nothing.
func TestCloseHints(t *testing.T) {
	for _, c := range []struct {
		err  CloseError
		hint bool
	}{
		{*errUnheard, true},
		{*errSilent, true},
		{*errBlackHole, false},
		{CloseError{Code: proto.CodeRevoked, Remote: true}, true},
		{CloseError{Code: proto.CodeReplaced, Remote: true}, true},
		{CloseError{Code: proto.CodeDraining, Remote: true}, false},
		{CloseError{Code: proto.CodeRevoked}, false},
	} {
		if got := advice.Of(&c.err); (got != "") != c.hint {
			t.Errorf("%v: hint %q", &c.err, got)
		}
	}
}

// A new path begins with small packets: where those are not answered either, it is no matter of
// size.
func TestANewPathThatIsNotHeard(t *testing.T) {
	now := time.Now()
	b := &heartbeat{proveBy: now}
	if err := b.proven(now); err != nil {
		t.Errorf("in time: %v", err)
	}
	if err := b.proven(now.Add(1)); err != errUnheard {
		t.Errorf("too late: %v", err)
	}
}
