package proto

import "fmt"

// Progress is how far a client is with its configuration, as status shows it on both sides. The
// numbers are those of one link.
type Progress struct {
	Applied uint64 `json:"applied"` // its host is changed to this one; 0 = none of this link yet
	Newest  uint64 `json:"newest"`
	Error   string `json:"error,omitempty"` // why the host is not as Applied says
}

// Behind says that the client does not capture what it should; never of nil.
func (p *Progress) Behind() bool { return p != nil && (p.Applied != p.Newest || p.Error != "") }

// String says how far the client is and why no farther, "" when it is up to date.
func (p *Progress) String() string {
	switch {
	case !p.Behind():
		return ""
	case p.Error != "":
		return fmt.Sprintf("%s (%s)", p.Numbers(), p.Error)
	}
	return p.Numbers()
}

// Numbers says how far the client is.
func (p *Progress) Numbers() string {
	return fmt.Sprintf("configuration %d of %d", p.Applied, p.Newest)
}
