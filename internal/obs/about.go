package obs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/oneping/oneping/internal/bucket"
	"github.com/oneping/oneping/internal/term"
)

// fieldActor is who changed something: a person at the admin API.
const fieldActor = "actor"

// fieldEpisode is Episode's; it is never written.
const fieldEpisode = "episode"

// strangerWords is how much of one field is kept in a line about a stranger, in bytes.
const strangerWords = 128

// Episode makes the trouble of a line another kind than that of episode n-1, for Limit: what fails
// after it went well is news.
func Episode(n uint64) zap.Field {
	return zap.Field{Key: fieldEpisode, Type: zapcore.SkipType, Integer: int64(n)}
}

// Known says for Limit whom a line is about that has no identity and is no stranger: who shows a
// token of this edge. It is never written.
func Known(name string) zap.Field {
	return zap.Field{Key: FieldIdentity, Type: zapcore.SkipType, String: name}
}

// about is what the fields of a line say of whom it is about.
type about struct {
	strangers bool // a remote address without an identity is a stranger
	identity  string
	remote    string // network at an edge, address elsewhere
	code      string
	words     string // the reason or error
	episode   int64
	actor     bool
}

// kind is what lines have in common that are said once a minute.
type kind struct {
	logger, message, peer, code, words string
	episode                            int64
}

// stranger says whether the line is about somebody who is not known.
func (a *about) stranger() bool { return a.strangers && a.identity == "" && a.remote != "" }

// with returns a with what the fields say.
func (a about) with(fields []zapcore.Field) about {
	for i := range fields {
		switch f := &fields[i]; f.Key {
		case FieldIdentity:
			a.identity = text(f)
		case FieldRemote:
			a.remote = a.peer(text(f))
		case FieldCode:
			a.code = text(f)
		case FieldReason, "error":
			a.words = text(f)
		case fieldActor:
			a.actor = true
		case fieldEpisode:
			a.episode = f.Integer
		}
	}
	return a
}

// peer returns who is at a remote address: at an edge, where anybody may come, the network.
func (a *about) peer(remote string) string {
	if !a.strangers {
		return remote
	}
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		return bucket.Network(ap.Addr()).String()
	}
	return remote
}

func (a *about) kind(e *zapcore.Entry) kind {
	k := kind{logger: e.LoggerName, message: constant(e.Message), peer: a.identity, code: a.code, episode: a.episode}
	if k.peer == "" {
		k.peer = a.remote
	}
	if !a.stranger() { // whose words are as many as he likes
		k.words = constant(a.words)
	}
	return k
}

// clean makes the words of a peer printable, and those of a stranger short.
func (l *line) clean() {
	if l.about.identity == "" && !l.about.stranger() {
		return
	}
	l.fields = slices.Clone(l.fields)
	for i := range l.fields {
		f := &l.fields[i]
		if f.Key == FieldHint || !isText(f) {
			continue
		}
		s := term.Printable(text(f))
		if l.about.stranger() && len(s) > strangerWords {
			s = strings.ToValidUTF8(s[:strangerWords], "")
		}
		*f = zap.String(f.Key, s)
	}
}

func isText(f *zapcore.Field) bool {
	return f.Type == zapcore.StringType || f.Type == zapcore.ErrorType || f.Type == zapcore.StringerType
}

// text returns the value of a field as it is written.
func text(f *zapcore.Field) string {
	switch f.Type {
	case zapcore.StringType, zapcore.SkipType:
		return f.String
	case zapcore.ErrorType, zapcore.StringerType:
		return fmt.Sprint(f.Interface)
	}
	return ""
}

// constant returns s with a mark for each word that has a digit in it: an address, a port, a time,
// an id. What is left says what happened.
func constant(s string) string {
	words := strings.Fields(term.Printable(s))
	for i, w := range words {
		if strings.ContainsAny(w, "0123456789") {
			words[i] = "#"
		}
	}
	return strings.Join(words, " ")
}
