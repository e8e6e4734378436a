package table

// Room says where the place of a newcomer comes from.
type Room uint8

// The answers of Shares.Ask.
const (
	RoomFree    Room = iota // there is one
	RoomOwn                 // an entry of the newcomer's holder makes room, or the newcomer is refused
	RoomLargest             // an entry of the largest holder makes room: it has more than its share
	RoomAny                 // more holders than places, and the newcomer's has none: whatever may make room, or it is refused
)

// Shares divides the places of a table between holders. Below half full each takes what the bound
// on one holder allows. Above it a holder may have its fair share at most: the places divided by
// the holders there are, the newcomer's included. Who is below that is never refused: in a full
// table somebody has more.
//
// Not safe for concurrent use. Ask is O(1), Largest O(holders).
type Shares[H comparable] struct {
	limit, each int // 0 = no bound
	held        map[H]int
	total       int
}

// NewShares returns the shares of an empty table of limit places, of which one holder may have
// each; 0 = no bound.
func NewShares[H comparable](limit, each int) *Shares[H] {
	return &Shares[H]{limit: limit, each: each, held: make(map[H]int)}
}

// Ask says where the place of another entry of h comes from. It changes nothing.
func (s *Shares[H]) Ask(h H) Room {
	has, holders := s.held[h], len(s.held)
	switch {
	case s.each > 0 && has >= s.each:
		return RoomOwn
	case s.limit <= 0 || 2*s.total < s.limit:
		return RoomFree
	case has == 0:
		holders++
	}
	share := s.limit / holders
	switch {
	case share == 0 && has == 0:
		return RoomAny
	case has >= share:
		return RoomOwn
	case s.total >= s.limit:
		return RoomLargest
	}
	return RoomFree
}

// Largest returns who holds most; the zero H where nobody holds anything.
func (s *Shares[H]) Largest() (largest H) {
	most := 0
	for h, n := range s.held {
		if n > most {
			largest, most = h, n
		}
	}
	return largest
}

// Add gives h one place more; whether it may have it is Ask's answer.
func (s *Shares[H]) Add(h H) {
	s.held[h]++
	s.total++
}

// Remove takes a place of h back. h has one.
func (s *Shares[H]) Remove(h H) {
	s.total--
	if s.held[h]--; s.held[h] == 0 {
		delete(s.held, h)
	}
}
