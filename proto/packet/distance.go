package packet

// Distance estimates how many routers a packet crossed that arrived with ttl:
// senders start at 64, 128 or 255. 0 for ttl 0, which means unknown.
func Distance(ttl uint8) uint8 {
	switch {
	case ttl == 0:
		return 0
	case ttl <= 64:
		return 64 - ttl
	case ttl <= 128:
		return 128 - ttl
	}
	return 255 - ttl
}
