package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/obs"
)

// Contact is whether a node has been welcomed by an edge, since when, and if not, why. It logs why,
// for each edge once until the next welcome. Safe for concurrent use.
type Contact struct {
	log *zap.Logger

	mu   sync.Mutex
	up   bool
	last Last
	said obs.News // of each edge, since the last welcome
}

// Last is what a node's status says of its contact.
type Last struct {
	Since time.Time // up or down
	Error string    // why it is down; "" after a welcome
	Hint  string    // what to do about it, where that is known
}

// NewContact returns a contact that is down since now.
func NewContact(log *zap.Logger, now time.Time) *Contact {
	return &Contact{log: log, last: Last{Since: now}}
}

// Attempted notes the end of a dial attempt; nil is not a welcome yet.
func (c *Contact) Attempted(edge string, err error) {
	if err == nil {
		return
	}
	if news, _ := c.failed(edge, err); news {
		c.log.Warn("cannot reach the edge", zap.String(obs.FieldRemote, edge), zap.Error(err), obs.Hint(err))
	}
}

// Made notes that an edge has welcomed the node.
func (c *Contact) Made() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up, c.last = true, Last{Since: time.Now()}
	c.said.Forget()
}

// Lost notes the end of a link, welcomed or not.
func (c *Contact) Lost(edge string, err error) {
	news, wasUp := c.failed(edge, err)
	if (news || wasUp) && !errors.Is(err, context.Canceled) {
		c.log.Warn("link down", zap.Error(err))
	}
}

// Last returns what is known.
func (c *Contact) Last() Last {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// failed notes why there is no link, and says whether that is news of this edge and whether the
// node was up until now.
func (c *Contact) failed(edge string, err error) (news, wasUp bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wasUp = c.up; wasUp {
		c.up, c.last.Since = false, time.Now()
	}
	c.last.Error, c.last.Hint = err.Error(), advice.Of(err)
	return c.said.Is(edge, c.last.Error), wasUp
}
