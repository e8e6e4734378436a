package link

import "net/netip"

// PretendSource makes the link believe that this host spoke to the peer from another address.
func (l *Link) PretendSource(a netip.Addr) {
	l.pathMu.Lock()
	defer l.pathMu.Unlock()
	l.source = a
}

// HasSpare says whether a spare path is ready.
func (l *Link) HasSpare() bool { return l.hasSpare() }

// Unnamed returns how many streams may still say what they are, the next one included.
func (l *Link) Unnamed() int { return len(l.unnamed) }
