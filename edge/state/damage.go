package state

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
)

// place names the store for people.
func (s *Store) place() string {
	if s.cfg.Remote.URL != "" {
		return "the external store"
	}
	return filepath.Join(s.cfg.Dir, natsDir)
}

// less is the refusal of a store that has less, or other, than was acknowledged.
func (s *Store) less(ev *journal.Evidence, d *journal.Difference) error {
	if d.Unproven && len(d.Lost)+len(d.Older)+len(d.Risen) == 0 && !d.Behind {
		return s.unproven(ev.Faults)
	}
	damage := "is damaged"
	if s.cfg.Remote.URL != "" {
		damage = "is older than what this edge has acknowledged"
	}
	what := describe(ev, d)
	if d.Revision < d.Acknowledged || len(what) == 0 {
		what = append(what, fmt.Sprintf("revision %d of %d", d.Revision, d.Acknowledged))
	}
	return s.advise(fmt.Errorf("open store: %s %s: it holds %s", s.place(), damage, strings.Join(what, ", ")))
}

// unproven is the refusal where nothing says whether the store is whole.
func (s *Store) unproven(faults []journal.Fault) error {
	var what []string
	for _, f := range faults {
		what = append(what, filepath.Join(s.cfg.Dir, f.File)+": "+f.What)
	}
	return &advice.Error{
		Text:   "open store: nothing says whether " + s.place() + " has all that was acknowledged: " + strings.Join(what, "; "),
		Advice: "put the file back from a backup; or look at what the store holds, and accept it: oneping edge restore --accept-store" + s.stateDirFlag(),
	}
}

// advise adds the way out to the refusal of a damaged store.
func (s *Store) advise(err error) error {
	if s.cfg.Remote.URL != "" {
		return advice.With(err, "restore the cluster from its newest copy; or accept what it has: oneping edge restore --accept-store"+s.stateDirFlag())
	}
	return advice.With(err, "make it anew from what was acknowledged: oneping edge restore"+s.stateDirFlag()+"; or put the whole state directory back from a backup")
}

// stateDirFlag names this edge to a command. Where --state-dir is given no configuration is read, which
// is what names an external store.
func (s *Store) stateDirFlag() string {
	if s.cfg.Remote.URL != "" {
		return ", with the --config of this edge"
	}
	return " --state-dir " + s.cfg.Dir
}

// describe says what is missing, in numbers.
func describe(ev *journal.Evidence, d *journal.Difference) []string {
	of, less := count(keysOf(ev)), count(append(append([]string(nil), d.Lost...), d.Older...))
	risen := count(d.Risen)
	var out []string
	for _, k := range kinds() {
		if less[k.key] > 0 {
			out = append(out, fmt.Sprintf("%d of %s", of[k.key]-less[k.key], k.count(of[k.key])))
		}
		if risen[k.key] > 0 {
			out = append(out, k.count(risen[k.key])+" that should not be there")
		}
	}
	return out
}

func keysOf(ev *journal.Evidence) []string {
	var out []string
	for key := range ev.Image.Entries() {
		out = append(out, key)
	}
	return out
}

// count counts keys by kind.
func count(keys []string) map[string]int {
	n := map[string]int{}
	for _, key := range keys {
		kind, _, _ := strings.Cut(key, ".")
		n[kind]++
	}
	return n
}

// kind is a kind of key, and how people call it.
type kind struct{ key, one, many string }

// count says how many of the kind there are.
func (k kind) count(n int) string {
	if n == 1 {
		return "1 " + k.one
	}
	return strconv.Itoa(n) + " " + k.many
}

// kinds returns the kinds in the order in which they are said.
func kinds() []kind {
	return []kind{
		{kindTunnel, "tunnel", "tunnels"},
		{kindConnector, "connector", "connectors"},
		{kindRoute, "route", "routes"},
		{kindDevice, "device", "devices"},
		{kindToken, "token", "tokens"},
		{kindCapture, "captured prefix", "captured prefixes"},
		{kindPolicy, "policy", "policies"},
		{kindPlan, "address plan", "address plans"},
	}
}
