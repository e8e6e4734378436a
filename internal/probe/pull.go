package probe

import "github.com/oneping/oneping/proto/packet"

// A router that limits its errors, and one that waits in vain for a neighbour's address, answers the
// newest of several packets: "* * * * !H", where the !H belongs to the first star. Like traceroute, a
// ladder gives the answer to the probe whose turn it is where it can tell that both were for the same
// hop.

// pull gives probe i, which was given up, the refusal of a later probe if that is i's own.
func (l *Ladder) pull(i int) {
	j := l.refusal(i)
	if j < 0 || !l.sameRouter(i, j) {
		return
	}
	l.probes[i] = l.probes[j]
	l.probes[j] = rung{sent: l.probes[j].sent, done: true}
	l.end = min(l.end, l.hopEnd(i))
}

// refusal returns the first answered probe behind i if it was refused, and -1 if it was not or if i's
// own hop let one pass.
func (l *Ladder) refusal(i int) int {
	for k := l.hop(i); k < i; k++ {
		if p := &l.probes[k]; !p.done || !p.final {
			return -1
		}
	}
	for j := i + 1; j < len(l.probes) && !l.probes[j].sent.IsZero(); j++ {
		p := &l.probes[j]
		if !p.heard {
			continue
		}
		if !p.final || p.a.Mark() == "" {
			return -1
		}
		return j
	}
	return -1
}

// sameRouter says whether the refusal of probe j may have been meant for probe i as well.
func (l *Ladder) sameRouter(i, j int) bool {
	if l.hop(i) != i || l.hop(j) == l.hop(i) {
		return true // an earlier or later probe of this hop was refused: so was all of it
	}
	from := l.probes[j].a.From
	for k := range i {
		if p := &l.probes[k]; p.heard && p.a.From == from {
			return true // it let the hop before pass, and refuses here
		}
	}
	back := distance(l.probes[j].a.TTL)
	if back == 0 {
		return false
	}
	for k := i - 1; k >= 0; k-- {
		p := &l.probes[k]
		if hops := distance(p.a.TTL); p.heard && !p.final && hops > 0 && hops < back {
			return back-hops+int(l.ttl(k)) <= int(l.ttl(i))
		}
	}
	return back <= int(l.ttl(i))
}

// distance guesses from the TTL of a packet how many links it has crossed; 0: the TTL is not known.
func distance(ttl uint8) int {
	if ttl == 0 {
		return 0
	}
	return int(packet.Distance(ttl)) + 1
}
