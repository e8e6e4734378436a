package node

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link/path"
)

func TestEachEdgesFailureIsLoggedOnce(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	c := NewContact(zap.New(core), time.Now())
	for range 10 { // two edges in turn, each with its own trouble
		c.Attempted("a:1", errors.New("no answer"))
		c.Attempted("b:1", errors.New("refused"))
	}
	if n := logs.Len(); n != 2 {
		t.Errorf("%d lines: %v", n, logs.All())
	}
	c.Attempted("a:1", errors.New("refused"))
	if last := c.Last(); logs.Len() != 3 || last.Error != "refused" || last.Hint != "" {
		t.Errorf("%d lines after another failure, then %+v", logs.Len(), last)
	}
	silent := &path.NoAnswerError{Target: netip.MustParseAddrPort("192.0.2.1:7844")}
	if c.Attempted("a:1", silent); c.Last().Hint != advice.Of(silent) {
		t.Errorf("hint %q, want %q", c.Last().Hint, advice.Of(silent))
	}
}

// A link that had been welcomed is always news when it ends; one that never was, once.
func TestContactLost(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	began := time.Now().Add(-time.Hour)
	c := NewContact(zap.New(core), began)
	c.Attempted("a:1", nil)
	for range 3 {
		c.Lost("a:1", errors.New("closed"))
	}
	if last := c.Last(); logs.Len() != 1 || !last.Since.Equal(began) || last.Error != "closed" {
		t.Errorf("%d lines of a link without a welcome, then %+v", logs.Len(), last)
	}
	for n := range 3 {
		c.Made()
		if last := c.Last(); last.Error != "" || last.Hint != "" || !last.Since.After(began) {
			t.Errorf("welcomed: %+v", last)
		}
		c.Lost("a:1", errors.New("closed"))
		if logs.Len() != 2+n {
			t.Errorf("%d lines after the loss of %d links", logs.Len(), 1+n)
		}
	}
	c.Made()
	if c.Lost("a:1", context.Canceled); logs.Len() != 4 {
		t.Errorf("a link that we end ourselves: %v", logs.All())
	}
}
