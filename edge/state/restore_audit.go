package state

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/process"
)

const (
	// streamsDir is where the embedded server has its streams, below its directory.
	streamsDir = "jetstream/$G/streams"
	auditDir   = streamsDir + "/" + streamAudit
	// oldEvents bounds how many events of a damaged store are taken over, the newest.
	oldEvents = 100_000
	// oldTimeout bounds the look at an audit log that may be damaged.
	oldTimeout = 30 * time.Second
)

// oldAudit reads what can be read of the audit log of the store. It works on a copy in directory
// scratch: a start of NATS may change what is damaged.
func (s *Store) oldAudit(ctx context.Context, scratch string) (events [][]byte, kept *AuditKept) {
	kept = &AuditKept{}
	copied := filepath.Join(scratch, "audit")
	defer func() { _ = os.RemoveAll(copied) }()
	if copyFiles(filepath.Join(s.cfg.Dir, natsDir, auditDir), filepath.Join(copied, natsDir, auditDir)) != nil {
		return nil, kept
	}
	if New(Config{Dir: copied}).checkBlocks(&journal.Evidence{}) != nil {
		return nil, kept
	}
	ctx, cancel := context.WithTimeout(ctx, oldTimeout)
	defer cancel()
	e, err := startEmbedded(ctx, copied, s.cfg.Log)
	if err != nil {
		return nil, kept
	}
	defer e.stop()
	nc, err := e.connect()
	if err != nil {
		return nil, kept
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, kept
	}
	st, err := js.Stream(ctx, streamAudit)
	if err != nil {
		return nil, kept
	}
	info := st.CachedInfo().State
	kept.Of = int(info.Msgs)
	for seq := info.LastSeq; seq >= max(info.FirstSeq, 1) && len(events) < oldEvents && ctx.Err() == nil; seq-- {
		if msg, err := st.GetMsg(ctx, seq); err == nil {
			events = append(events, msg.Data)
		}
	}
	slices.Reverse(events)
	kept.Kept, kept.Of = len(events), max(kept.Of, len(events))
	return events, kept
}

// copyFiles copies a directory with everything below it; the copies are their owner's alone.
func copyFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		b, err := process.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, 0o600)
	})
}
