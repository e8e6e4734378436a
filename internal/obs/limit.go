package obs

import (
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"

	"github.com/oneping/oneping/internal/bucket"
)

const (
	// repeatEvery is how often the same trouble has a line.
	repeatEvery = time.Minute
	// subjectBurst is how many lines that differ in their reasons one message about one peer has
	// at once; eventBurst how many one that is no trouble: a node that comes and goes.
	subjectBurst, eventBurst = 5, 10
	// strangerLines is how many lines all strangers have together, at once and a minute: at most
	// ten in any minute, each below 1 KiB.
	strangerLines = 5
	// maxKinds bounds the kinds of lines that are kept apart; the others share.
	maxKinds = 4096
	// maxHeld bounds the lines that are kept until they are due.
	maxHeld = 1024
	// maxOfPeer bounds those of them that are about one peer: his words may be as many as he likes.
	maxOfPeer = 32
	// lookEvery is how often it is looked whether one is due.
	lookEvery = time.Second
)

// Limit returns log with a bound on what repeats. A warning or error is written at once when it is
// the first of its kind, then at most once a minute, with the newest words and the number of those
// between (suppressed). What is no trouble but about a peer may come a few times at once. What a
// person has done (actor) and debug lines are not limited.
//
// Lines are of one kind when logger, message, peer and code are the same and the words differ in
// nothing but numbers: a port or a time makes no news. A peer is an identity, whatever links it
// has; who has none is its network (/24, /64) at an edge, where such lines are a stranger's. All
// strangers have ten lines a minute. Limit of a limited logger is that logger.
func Limit(log *zap.Logger) *zap.Logger { return limited(log, false) }

// LimitStrangers is Limit for an edge, where whoever has no identity is a stranger.
func LimitStrangers(log *zap.Logger) *zap.Logger { return limited(log, true) }

func limited(log *zap.Logger, strangers bool) *zap.Logger {
	return log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		if l, ok := c.(*limiter); ok {
			a := l.about
			a.strangers = a.strangers || strangers
			return &limiter{Core: l.Core, about: a, shared: l.shared}
		}
		minute := rate.Every(repeatEvery)
		return &limiter{Core: c, about: about{strangers: strangers}, shared: &repeats{
			kinds: bucket.New[kind](minute, 1, maxKinds), subjects: bucket.New[kind](minute, subjectBurst, maxKinds),
			events:    bucket.New[kind](minute, eventBurst, maxKinds),
			strangers: rate.NewLimiter(rate.Every(repeatEvery/strangerLines), strangerLines),
			networks:  bucket.New[kind](minute, 1, maxKinds),
			held:      make(map[kind]*line), peers: make(map[string]int),
		}}
	}))
}

// Flush writes the lines of log that are due: whoever lives with a limited logger calls it now and
// then, so that the end of some trouble is told, too.
func Flush(log *zap.Logger) {
	if l, ok := log.Core().(*limiter); ok {
		l.shared.flush(time.Now())
	}
}

// limiter is a zapcore.Core that writes less.
type limiter struct {
	zapcore.Core
	about  about
	shared *repeats
}

// With implements zapcore.Core.
func (l *limiter) With(fields []zapcore.Field) zapcore.Core {
	return &limiter{Core: l.Core.With(fields), about: l.about.with(fields), shared: l.shared}
}

// Check implements zapcore.Core.
func (l *limiter) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if l.Enabled(e.Level) {
		return ce.AddCore(e, l)
	}
	return ce
}

// Write implements zapcore.Core.
func (l *limiter) Write(e zapcore.Entry, fields []zapcore.Field) error {
	a := l.about.with(fields)
	if e.Level < zapcore.InfoLevel || e.Level > zapcore.ErrorLevel || a.actor {
		return l.Core.Write(e, fields)
	}
	l.shared.flush(e.Time)
	ln := line{core: l.Core, entry: e, fields: fields, about: a}
	if !l.shared.may(&ln) {
		return nil
	}
	ln.clean()
	return ln.write()
}

// line is a line that may have to wait.
type line struct {
	core   zapcore.Core
	entry  zapcore.Entry
	fields []zapcore.Field
	about  about
	left   uint64 // lines of its kind that were left out before it
	others uint64 // lines that were left out and not kept
}

func (l *line) write() error {
	fields := l.fields
	if l.left > 0 {
		fields = append(fields[:len(fields):len(fields)], zap.Uint64("suppressed", l.left))
	}
	if l.others > 0 {
		fields = append(fields[:len(fields):len(fields)], zap.Uint64("others_suppressed", l.others))
	}
	return l.core.Write(l.entry, fields)
}

// repeats is what a limited logger remembers. Nothing is written with its lock held.
type repeats struct {
	kinds, subjects, events *bucket.Table[kind]
	strangers               *rate.Limiter       // of all together
	networks                *bucket.Table[kind] // kinds of strangers' lines: they take no room from others

	mu sync.Mutex
	// guarded by mu:
	held   map[kind]*line // the newest of each kind that was left out
	peers  map[string]int // how many of them are about each peer; "" is nobody's
	others uint64         // strangers' lines that were left out for want of room or lines
	looked time.Time
}

// may says whether l is written now, and completes it; else it is kept or counted.
func (r *repeats) may(l *line) bool {
	k := l.about.kind(&l.entry)
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.held[k]
	switch {
	case before == nil && r.take(k, l):
		l.others, r.others = r.others, 0
		return true
	case before != nil:
		l.left = before.left + 1
	case !r.room(k, l):
		r.others++
		return false
	default:
		r.peers[k.peer]++
	}
	l.clean() // a peer's words may be many, and they are kept
	r.held[k] = l
	return false
}

// take takes the tokens of a line. The caller holds r.mu.
func (r *repeats) take(k kind, l *line) bool {
	now := l.entry.Time
	if l.about.stranger() {
		return r.strangers.TokensAt(now) >= 1 && r.networks.Take(k, now) && r.strangers.AllowN(now, 1)
	}
	subject := kind{logger: k.logger, message: k.message, peer: k.peer}
	if l.entry.Level < zapcore.WarnLevel {
		return r.events.Take(subject, now)
	}
	return r.subjects.Tokens(subject, now) >= 1 && r.kinds.Take(k, now) && r.subjects.Take(subject, now)
}

// room says whether l can be kept until its kind is due: strangers have half of the room, and none
// while all of them have no lines left; one peer has maxOfPeer. The caller holds r.mu.
func (r *repeats) room(k kind, l *line) bool {
	if k.peer != "" && r.peers[k.peer] >= maxOfPeer {
		return false
	}
	if l.about.stranger() {
		return len(r.held) < maxHeld/2 && r.strangers.TokensAt(l.entry.Time) >= 1
	}
	return len(r.held) < maxHeld
}

// flush writes what was left out and is due.
func (r *repeats) flush(now time.Time) {
	for _, l := range r.due(now) {
		_ = l.write() // as zap: there is nowhere to say that a log cannot be written
	}
}

func (r *repeats) due(now time.Time) (due []*line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) == 0 || now.Sub(r.looked) < lookEvery {
		return nil
	}
	r.looked = now
	for k, l := range r.held {
		at := *l
		at.entry.Time = now
		if r.take(k, &at) {
			due = append(due, l)
			delete(r.held, k)
			if r.peers[k.peer]--; r.peers[k.peer] == 0 {
				delete(r.peers, k.peer)
			}
		}
	}
	return due
}
