package state

import "sync"

// maxUnwritten bounds the audit events that wait to be written.
const maxUnwritten = 1024

// unwritten are audit events that wait for a disk that can be written, oldest first; the newest ones
// are kept. The zero value is empty.
type unwritten struct {
	mu sync.Mutex
	// guarded by mu:
	events [][]byte
	lost   uint64 // of those that made room
}

// add keeps an event.
func (u *unwritten) add(event []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.events) >= maxUnwritten {
		u.events = u.events[1:]
		u.lost++
	}
	u.events = append(u.events, event)
}

// take returns all of them, and how many were lost before these; it is empty then.
func (u *unwritten) take() (events [][]byte, lost uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	events, lost = u.events, u.lost
	u.events, u.lost = nil, 0
	return events, lost
}

// giveBack returns events that take has given and that could not be written.
func (u *unwritten) giveBack(events [][]byte, lost uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	events = append(events, u.events...)
	if over := len(events) - maxUnwritten; over > 0 {
		events, lost = events[over:], lost+uint64(over)
	}
	u.events, u.lost = events, u.lost+lost
}
