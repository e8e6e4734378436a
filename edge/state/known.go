package state

import (
	"os"
	"path/filepath"
)

// KnowsNodes says whether an edge with this state directory has, or had, devices, connectors or
// tokens, without a look into the store: they go with the authority's key and the edge's secret. Of an
// earlier version's store, and of damaged evidence, it says yes.
func KnowsNodes(dir string) (bool, error) {
	ev, err := readEvidence(dir)
	if err != nil {
		return false, err
	}
	if ev.None {
		return hasEmbedded(dir), nil
	}
	n := count(keysOf(ev))
	return len(ev.Faults) > 0 || n[kindDevice]+n[kindConnector]+n[kindToken] > 0, nil
}

// hasEmbedded says whether an embedded store is in a state directory.
func hasEmbedded(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, natsDir, streamsDir, streamState))
	return err == nil
}

// hasStore says whether there is a store without making one; of an external one it says yes.
func (s *Store) hasStore() bool { return s.cfg.Remote.URL != "" || hasEmbedded(s.cfg.Dir) }
