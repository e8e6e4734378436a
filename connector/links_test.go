package connector

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/internal/link"
)

func TestEachEdgesFailureIsLoggedOnce(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	c, err := New(Config{
		Edges: []string{"a:1", "b:1"}, Log: zap.New(core),
		TLS: func(context.Context) (*tls.Config, error) { return nil, errors.New("not used") },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // two edges in turn, each with its own trouble
		c.attempted("a:1", errors.New("no answer"))
		c.attempted("b:1", errors.New("refused"))
	}
	if n := logs.Len(); n != 2 {
		t.Errorf("%d lines: %v", n, logs.All())
	}
	c.attempted("a:1", errors.New("refused"))
	if n := logs.Len(); n != 3 || c.lastError != "refused" || c.lastHint != "" {
		t.Errorf("%d lines after another failure, the last is %q, hint %q", n, c.lastError, c.lastHint)
	}
	silent := &link.NoAnswerError{Target: netip.MustParseAddrPort("192.0.2.1:7844")}
	if c.attempted("a:1", silent); c.lastHint != silent.Hint() {
		t.Errorf("hint %q, want %q", c.lastHint, silent.Hint())
	}
}
