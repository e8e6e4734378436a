package policy

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/bucket"
	bounded "github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// maxDenied bounds the sums in all, maxDeniedOf those of one user: a scan fills its user's own.
	maxDenied, maxDeniedOf = 4096, 512
	// maxRests bounds the users that have a sum of what made room among them, one each.
	maxRests = 256
	// maxPorts is how many ports of one destination have sums of their own; more are a range.
	maxPorts = 32
	// deniedFor is how long a sum is kept after its last denial.
	deniedFor = 7 * 24 * time.Hour
)

// Denied sums up what one user was denied of one service of one destination.
type Denied struct {
	User    string           `json:"user"`    // "" of users whom there was no room for
	Device  string           `json:"device"`  // of the last time
	Dst     netip.Addr       `json:"dst"`     // none of others
	Service string           `json:"service"` // as a grant would name it: icmp, tcp:22, trace; others
	First   time.Time        `json:"first"`
	Last    time.Time        `json:"last"`
	Count   uint64           `json:"count"` // packets, sessions and flows
	ID      proto.DecisionID `json:"id"`    // of the last that had one, for explain; 0: none had
}

// join adds what another sum has.
func (d *Denied) join(o *Denied) {
	if d.Count == 0 || o.First.Before(d.First) {
		d.First = o.First
	}
	if !o.Last.Before(d.Last) {
		d.Device, d.Last, d.ID = o.Device, o.Last, cmp.Or(o.ID, d.ID)
	}
	d.Count += o.Count
}

// sum is a Denied, and how much of it the log has told.
type sum struct {
	Denied
	key       sumKey
	low, high uint16 // of all ports, where it is of all
	told      uint64
	toldAt    time.Time
}

func newSum(k sumKey) *sum {
	return &sum{key: k, low: math.MaxUint16, Denied: Denied{User: k.user, Dst: k.dst, Service: k.what.String()}}
}

// view returns what was denied.
func (d *sum) view() Denied {
	out := d.Denied
	if d.key.what.all {
		out.Service += ":" + strconv.Itoa(int(d.low)) + "-" + strconv.Itoa(int(d.high))
	}
	return out
}

// untold returns what the log has not told of it.
func (d *sum) untold() Denied {
	out := d.view()
	out.Count -= d.told
	return out
}

// merge adds another sum.
func (d *sum) merge(o *sum) {
	d.join(&o.Denied)
	d.told += o.told
}

func (d *sum) widen(port uint16) { d.low, d.high = min(d.low, port), max(d.high, port) }

// sums is what was denied, in sums. Log's lock guards what they hold.
type sums struct {
	table *bounded.Table[sumKey, string, *sum]
	ports map[sumKey][]uint16   // which have sums, of a destination and protocol
	rests map[string]*sum       // by user: of sums that made room
	lines *bucket.Table[string] // of the log, of each user
	news  chan struct{}
}

func newSums() *sums {
	s := &sums{
		ports: make(map[sumKey][]uint16), rests: make(map[string]*sum),
		lines: bucket.New[string](rate.Every(tellAgain), maxLines, maxDenied), news: make(chan struct{}, 1),
	}
	s.table = bounded.New[sumKey, string](bounded.Config[sumKey, *sum]{
		Max: maxDenied - maxRests, MaxPerOwner: maxDeniedOf - 1, Tentative: true, OnEvict: s.evicted,
	})
	return s
}

// add counts one denial.
func (s *sums) add(now time.Time, id proto.DecisionID, p *Principal, t *Target) {
	one := Denied{User: p.User, Device: p.Device, Dst: t.Dst, First: now.UTC(), Last: now.UTC(), Count: 1, ID: id}
	k := sumKey{p.User, t.Dst, serviceOf(t)}
	d := s.find(now, k)
	if d == nil {
		d = s.begin(now, k)
		select {
		case s.news <- struct{}{}:
		default:
		}
	}
	d.join(&one)
}

// find returns the sum that counts k: its own, or that of all ports of its destination.
func (s *sums) find(now time.Time, k sumKey) *sum {
	d, ok := s.table.Touch(now, k)
	if ok || !k.what.ported() {
		return d
	}
	if d, ok = s.table.Touch(now, k.allPorts()); ok {
		d.widen(k.what.port)
	}
	return d
}

// begin makes an empty sum for k; for the first port that is too many, one of all of them.
func (s *sums) begin(now time.Time, k sumKey) *sum {
	d := newSum(k)
	if k.what.ported() {
		all := k.allPorts()
		if len(s.ports[all]) == maxPorts {
			d = s.mergePorts(all)
			d.widen(k.what.port)
		} else {
			s.ports[all] = append(s.ports[all], k.what.port)
		}
	}
	if s.table.Add(now, d.key, k.user, d, deniedFor) == packet.OK { // the user's oldest makes room
		return d
	}
	s.forgetPort(d.key)
	rest := s.rest(now, k.user)
	if d.Count > 0 {
		rest.merge(d)
	}
	return rest
}

// mergePorts makes one sum of those of a destination's ports.
func (s *sums) mergePorts(all sumKey) *sum {
	d := newSum(all)
	for _, port := range s.ports[all] {
		k := all
		k.what = service{proto: all.what.proto, port: port}
		if one, ok := s.table.Delete(k); ok {
			d.merge(one)
			d.widen(port)
		}
	}
	delete(s.ports, all)
	return d
}

// forgetPort notes that a sum has left the table.
func (s *sums) forgetPort(k sumKey) {
	if !k.what.ported() {
		return
	}
	all := k.allPorts()
	s.ports[all] = slices.DeleteFunc(s.ports[all], func(port uint16) bool { return port == k.what.port })
	if len(s.ports[all]) == 0 {
		delete(s.ports, all)
	}
}

// evicted keeps, of a sum that made room (table.Config.OnEvict), how much it was; of one whose time
// was over what the log has not told.
func (s *sums) evicted(k sumKey, d *sum, why packet.Reason) {
	s.forgetPort(k)
	if why != packet.Timeout || d.Count > d.told {
		s.rest(d.Last, k.user).merge(d)
	}
}

// rest returns the sum of what made room of a user; there is one for all whom there is no room for.
func (s *sums) rest(now time.Time, user string) *sum {
	if s.rests[user] == nil && len(s.rests) >= maxRests-1 {
		s.forgetRests(now)
		if len(s.rests) >= maxRests-1 {
			user = ""
		}
	}
	d := s.rests[user]
	if d == nil {
		d = &sum{Denied: Denied{User: user, Service: othersWord}}
		s.rests[user] = d
	}
	return d
}

// forgetRests drops those whose time is over.
func (s *sums) forgetRests(now time.Time) {
	for user, d := range s.rests {
		if now.Sub(d.Last) >= deniedFor {
			delete(s.rests, user)
		}
	}
}

// Denials returns what was denied to user ("" = to all) after since, the newest first. It is what
// this process remembers: at most 4,096 sums, 512 of one user, for a week. More than 32 ports of one
// destination are one sum, whose service is the range they are in; what made room is one of each
// user, without a destination, whose service is "others".
func (l *Log) Denials(user string, since time.Time) []Denied {
	out := []Denied{}
	user = model.FoldUser(user)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.sums.table.Expire(now)
	l.sums.forgetRests(now)
	l.sums.each(func(d *sum) {
		if (user == "" || d.User == user) && d.Last.After(since) {
			out = append(out, d.view())
		}
	})
	slices.SortFunc(out, func(a, b Denied) int { return b.Last.Compare(a.Last) })
	return out
}

// each calls f for each sum.
func (s *sums) each(f func(*sum)) {
	s.table.Range(func(_ sumKey, _ string, d *sum) bool {
		f(d)
		return true
	})
	for _, d := range s.rests {
		f(d)
	}
}
