package link

// Unnamed returns how many streams may still say what they are, the next one included.
func (l *Link) Unnamed() int { return len(l.streams.unnamed) }
