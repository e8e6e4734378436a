package policy

import (
	"cmp"
	"slices"
	"time"
)

const (
	// tellAgain is how often the log has a line about what goes on being denied.
	tellAgain = time.Minute
	// maxLines is how many lines of one user the log has at once, and then one each tellAgain: one
	// less than obs.Limit lets through, as what that leaves out is lost.
	maxLines = 9
)

// News is told when something is denied that is not among the sums yet. One reader.
func (l *Log) News() <-chan struct{} { return l.sums.news }

// Untold returns what the log has to tell, the oldest first: each sum that has grown, and was not
// told within a minute, with what came since. Where those of a user are more than he has lines left,
// the last line is the sum of the others; where he has none, they wait. So the counts of all lines of
// a user are what he was denied.
func (l *Log) Untold(now time.Time) (out []Denied) {
	l.mu.Lock()
	defer l.mu.Unlock()
	grown := make(map[string][]*sum)
	l.sums.each(func(d *sum) {
		if d.Count > d.told && now.Sub(d.toldAt) >= tellAgain {
			grown[d.User] = append(grown[d.User], d)
		}
	})
	for user, list := range grown {
		out = append(out, l.sums.tell(now, user, list)...)
	}
	slices.SortFunc(out, func(a, b Denied) int { return a.Last.Compare(b.Last) })
	return out
}

// tell returns the lines about sums of a user, for which he has lines left.
func (s *sums) tell(now time.Time, user string, list []*sum) (lines []Denied) {
	const rounding = 1e-6
	left := int(s.lines.Tokens(user, now) + rounding)
	if left == 0 {
		return nil
	}
	slices.SortFunc(list, func(a, b *sum) int { // the largest first, others last
		if one, other := a.Service == othersWord, b.Service == othersWord; one != other {
			if one {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(b.Count-b.told, a.Count-a.told), a.Last.Compare(b.Last))
	})
	others := Denied{User: user, Service: othersWord}
	for i, d := range list {
		if line := d.untold(); len(list) > left && i >= left-1 {
			others.join(&line)
		} else {
			lines = append(lines, line)
		}
		d.told, d.toldAt = d.Count, now
	}
	if others.Count > 0 {
		lines = append(lines, others)
	}
	for range lines {
		s.lines.Take(user, now)
	}
	return lines
}
