package link

import (
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
)

const (
	// maxDetours is how many conversations are known to be on the detour; the idlest is forgotten.
	maxDetours = 1024
	// A conversation leaves the detour when it has sent nothing for detourQuiet and the stream has
	// nothing more to write, so that all of it has arrived; or nothing large for detourLarge: the
	// path has widened, and what is still under way may be passed once.
	detourQuiet = time.Second
	detourLarge = 5 * time.Second
)

// detour remembers which conversations have lately sent something too large for a datagram: the
// rest of what they send follows it over the oversize stream, or small ones would pass large ones. What
// did not take different ways must not be reordered. Only the sender goroutine uses it.
type detour struct {
	on     *table.Recent[uint64, detourUse]
	active bool      // somebody may be on it: rarely
	last   time.Time // of the newest use of them all
}

// detourUse is when a conversation on the detour sent something last.
type detourUse struct{ any, large time.Time }

func (t *detour) init() { t.on = table.NewRecent[uint64, detourUse](maxDetours) }

// takes says whether d must go over the oversize stream: it is larger than max, or its conversation
// is on the detour, which leads over that stream.
func (t *detour) takes(d []byte, max int, stream *oversizeSender) bool {
	return (len(d) > max || t.active) && t.take(d, len(d) > max, stream)
}

// take is takes where there is something to think about.
func (t *detour) take(d []byte, large bool, stream *oversizeSender) bool {
	if d[0] == byte(proto.TypeHeartbeat) { // its size is its point
		return false
	}
	now := time.Now()
	quiet := func(since time.Time) bool { return stream.idle() && now.Sub(since) > detourQuiet }
	if !large && quiet(t.last) {
		t.active = false // all have left
		return false
	}
	key := proto.Conversation(d)
	if key == 0 {
		return large
	}
	use, known := t.on.Get(key)
	switch {
	case large:
		use.large = now
	case !known || quiet(use.any) || now.Sub(use.large) > detourLarge:
		return false
	}
	use.any, t.last, t.active = now, now, true
	t.on.Put(key, use)
	return true
}
