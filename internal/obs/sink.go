package obs

import (
	"bytes"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/oneping/oneping/internal/term"
)

const (
	// atOnce is how much a pipe takes whole once it takes anything: PIPE_BUF of Linux, pipe(7).
	atOnce = 4096
	// patience is how long a line waits for a reader who is slow; the next ones do not wait.
	patience = 100 * time.Millisecond
)

// sink writes log lines to a file and never holds up who logs for long, nor ends the process: a line
// that nobody takes (a pipe whose reader is gone or stands still, a terminal that is stopped, a full
// disk) is dropped and counted. The first line that gets through again says how many were. It is
// used by one goroutine at a time.
type sink struct {
	f      *os.File
	encode zapcore.Encoder

	stuck bool   // the last line was dropped: its reader has had his time
	torn  bool   // the last line was written in part
	told  uint64 // of lost
	lost  atomic.Uint64
}

// Write takes a line; it never fails.
func (s *sink) Write(line []byte) (int, error) {
	lost := s.lost.Load()
	took := s.put(s.notice(lost - s.told))
	if took {
		s.told = lost
		took = s.put(line)
	}
	if s.stuck = !took; s.stuck {
		s.lost.Add(1)
	}
	return len(line), nil
}

// notice returns the line that says how many were lost; none where none was.
func (s *sink) notice(lines uint64) []byte {
	if lines == 0 {
		return nil
	}
	entry := zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), Message: "log lines lost: nobody took them"}
	text, err := s.encode.EncodeEntry(entry, []zapcore.Field{zap.Uint64("lines", lines)})
	if err != nil { // a number always encodes
		return nil
	}
	defer text.Free()
	return bytes.Clone(text.Bytes())
}

// put writes b in pieces, each once it is taken whole, and says whether that was all.
func (s *sink) put(b []byte) bool {
	if s.torn && len(b) > 0 {
		b = append([]byte("\n"), b...)
	}
	for piece := range slices.Chunk(b, atOnce) {
		wait := patience
		if s.stuck {
			wait = 0
		}
		if !writable(s.f, wait) {
			return false
		}
		n, err := s.f.Write(piece)
		if n > 0 {
			s.torn = piece[n-1] != '\n'
		}
		if err != nil {
			return false
		}
	}
	return true
}

// core is a zap core that knows its sink, for Lost.
type core struct {
	zapcore.Core
	sink *sink
}

// With implements zapcore.Core.
func (c core) With(fields []zapcore.Field) zapcore.Core { return core{c.Core.With(fields), c.sink} }

// Lost returns how many lines of a logger of NewLogger nobody took; 0 for another logger.
func Lost(log *zap.Logger) uint64 {
	from := log.Core()
	if l, ok := from.(*limiter); ok {
		from = l.Core
	}
	if c, ok := from.(core); ok {
		return c.sink.lost.Load()
	}
	return 0
}

// LostText says for a status what Lost has counted.
func LostText(lines uint64) string {
	return term.Count(int(lines), "line") + " lost: nobody took them from standard error"
}
