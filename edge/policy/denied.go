package policy

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/oneping/oneping/edge/model"
	bounded "github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
)

const (
	// maxDenied bounds the sums in all, maxDeniedOf those of one user: a scan fills its user's own.
	maxDenied, maxDeniedOf = 4096, 512
	// deniedFor is how long a sum is kept after its last denial.
	deniedFor = 7 * 24 * time.Hour
	// tellAgain is how often the log has a line about what goes on being denied.
	tellAgain = time.Minute
)

// Denied sums up what one user was denied of one service of one destination.
type Denied struct {
	User    string           `json:"user"`
	Device  string           `json:"device"` // of the last time
	Dst     netip.Addr       `json:"dst"`
	Service string           `json:"service"` // as a grant would name it: icmp, tcp:22, trace
	First   time.Time        `json:"first"`
	Last    time.Time        `json:"last"`
	Count   uint64           `json:"count"` // packets, sessions and flows
	ID      proto.DecisionID `json:"id"`    // of the last of them, for explain
}

// sumKey names a sum.
type sumKey struct {
	user string
	dst  netip.Addr
	what service
}

// service is a protocol and port; trace stands for all probes.
type service struct {
	proto Proto
	port  uint16
	trace bool
}

func serviceOf(t *Target) service {
	switch {
	case t.Proto == UDP && isProbe(t.Port):
		return service{proto: UDP, trace: true}
	case t.ported():
		return service{proto: t.Proto, port: t.Port}
	}
	return service{proto: t.Proto}
}

// String returns the service as a grant names it.
func (s service) String() string {
	switch {
	case s.trace:
		return traceWord
	case s.proto == TCP || s.proto == UDP:
		return s.proto.String() + ":" + strconv.Itoa(int(s.port))
	}
	return s.proto.String()
}

// sum is a Denied, and how much of it the log has told.
type sum struct {
	Denied
	told   uint64
	toldAt time.Time
}

// sums is what was denied, in sums. Log's lock guards what they hold.
type sums struct {
	table *bounded.Table[sumKey, string, *sum]
	news  chan struct{}
}

func newSums() sums {
	return sums{
		table: bounded.New[sumKey, string](bounded.Config[sumKey, *sum]{Max: maxDenied, MaxPerOwner: maxDeniedOf, Tentative: true}),
		news:  make(chan struct{}, 1),
	}
}

// add counts one denial.
func (s *sums) add(now time.Time, id proto.DecisionID, p *Principal, t *Target) {
	k := sumKey{p.User, t.Dst, serviceOf(t)}
	d, ok := s.table.Touch(now, k)
	if !ok {
		d = &sum{Denied: Denied{User: p.User, Dst: t.Dst, Service: k.what.String(), First: now.UTC()}}
		s.table.Add(now, k, p.User, d, deniedFor) // the user's oldest makes room
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
	d.Device, d.Last, d.ID = p.Device, now.UTC(), id
	d.Count++
}

// Denials returns what was denied to user ("" = to all) after since, the newest first. It is what
// this process remembers: at most 4,096 sums, 512 of one user, for a week.
func (l *Log) Denials(user string, since time.Time) []Denied {
	out := []Denied{}
	user = model.FoldUser(user)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sums.table.Expire(time.Now())
	l.sums.table.Range(func(_ sumKey, _ string, d *sum) bool {
		if (user == "" || d.User == user) && d.Last.After(since) {
			out = append(out, d.Denied)
		}
		return true
	})
	slices.SortFunc(out, func(a, b Denied) int { return b.Last.Compare(a.Last) })
	return out
}

// News is told when something is denied that is not among the sums yet. One reader.
func (l *Log) News() <-chan struct{} { return l.sums.news }

// Untold returns what the log has to tell, the oldest first: each sum that has grown, and was not
// told within a minute, with what came since.
func (l *Log) Untold(now time.Time) (out []Denied) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sums.table.Range(func(_ sumKey, _ string, d *sum) bool {
		if d.Count > d.told && now.Sub(d.toldAt) >= tellAgain {
			line := d.Denied
			line.Count -= d.told
			d.told, d.toldAt = d.Count, now
			out = append(out, line)
		}
		return true
	})
	slices.SortFunc(out, func(a, b Denied) int { return a.Last.Compare(b.Last) })
	return out
}
