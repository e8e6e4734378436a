package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
)

// Contact is whether a node has been welcomed by an edge, since when, and if not, why. It logs why;
// what fails again and again is one line a minute (obs.Limit), and news after a welcome. Safe for
// concurrent use.
type Contact struct {
	log *zap.Logger

	mu sync.Mutex
	// guarded by mu:
	up       bool
	last     Last
	welcomes uint64
}

// Last is what a node's status says of its contact.
type Last struct {
	Since time.Time // up or down
	Error string    // why it is down; "" after a welcome
	Hint  string    // what to do about it, where that is known
}

// NewContact returns a contact that is down since now.
func NewContact(log *zap.Logger, now time.Time) *Contact {
	return &Contact{log: obs.Limit(log), last: Last{Since: now}}
}

// Attempted notes the end of a dial attempt; nil is not a welcome yet.
func (c *Contact) Attempted(edge string, err error) {
	if err == nil {
		return
	}
	episode := c.failed(err)
	c.log.Warn("cannot reach the edge", zap.String(obs.FieldRemote, edge), zap.Error(err), obs.Hint(err), episode)
}

// Made notes that an edge has welcomed the node.
func (c *Contact) Made() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up, c.last = true, Last{Since: time.Now()}
	c.welcomes++
}

// Lost notes the end of a link, welcomed or not.
func (c *Contact) Lost(edge string, err error) {
	episode := c.failed(err)
	if !errors.Is(err, context.Canceled) {
		c.log.Warn("link down", zap.String(obs.FieldRemote, edge), zap.Error(err), episode)
	}
}

// Last returns what is known.
func (c *Contact) Last() Last {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.last
	last.Since = term.Moment(last.Since)
	return last
}

// failed notes why there is no link, and returns the field that makes its line one of its time.
func (c *Contact) failed(err error) zap.Field {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up {
		c.up, c.last.Since = false, time.Now()
	}
	c.last.Error, c.last.Hint = err.Error(), advice.Of(err)
	return obs.Episode(c.welcomes)
}
