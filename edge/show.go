package edge

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
)

// WriteText writes s for people; now is when it was asked for.
func (s *Status) WriteText(w io.Writer, now time.Time) error {
	up := 0
	for _, x := range s.Tunnels {
		if len(x.Connectors) > 0 {
			up++
		}
	}
	var t term.Table
	t.Row("edge", fmt.Sprintf("%s, version %s, up %s", s.Edge, s.Version, now.Sub(s.Started).Round(time.Second)))
	t.Row("listens", s.Listen.String()+" (UDP)")
	t.Row("hops", term.List(s.Hops))
	t.Row("unreachable", map[bool]string{false: "answer", true: "silent"}[s.Silent])
	t.Row("tunnels", fmt.Sprintf("%d, %d with a connector", len(s.Tunnels), up))
	newcomers(&t, s.New, now)
	t.Row("routes", fmt.Sprint(s.Routes))
	t.Row("devices", devices(s.Devices))
	pools(&t, s.Pools)
	t.Row("traffic", fmt.Sprintf("%d UDP sessions, %d TCP flows", s.Sessions, s.Flows))
	t.Row("packets", obs.Reasons(s.Reasons))
	t.Row("refused", obs.Reasons(s.Refused)) // before a handshake
	if m := s.Held.String(); m != "" {
		t.Row("stuck", m)
	}
	t.Row("memory", s.Memory.String())
	if s.LogLost > 0 {
		t.Row("log", obs.LostText(s.LogLost))
	}
	if clocks := clocks(s); len(clocks) > 0 {
		t.Row("clock", strings.Join(clocks, "; "))
	}
	if text := storeWords(&s.Store, now); text != "" {
		t.Row("store", text)
	}
	t.Hint(s.Store.Hint)
	return t.Print(w)
}

// clocks says what is wrong with this machine's clock, and names connected nodes whose clocks differ
// from it, some of them.
func clocks(s *Status) []string {
	var list []string
	if s.Clock != "" {
		list = append(list, s.Clock)
	}
	named := 0
	nodes := slices.Clone(s.Devices)
	for _, t := range s.Tunnels {
		nodes = append(nodes, t.Connectors...)
	}
	for i := range nodes {
		ahead := time.Duration(nodes[i].ClockAhead * float64(time.Second))
		if ahead == 0 {
			continue
		}
		if named++; named > maxNamed {
			return append(list, "…")
		}
		way := "ahead"
		if ahead < 0 {
			way = "behind"
		}
		list = append(list, fmt.Sprintf("that of %s (%s) is %s %s", nodes[i].ID, nodes[i].Hostname, term.Span(ahead.Abs()), way))
	}
	return list
}

// storeWords says why changes cannot be written; "" where they can.
func storeWords(h *state.Health, now time.Time) string {
	var words []string
	if h.Error != "" {
		words = append(words, fmt.Sprintf("cannot be written for %s: %s", term.Span(now.Sub(h.Since)), h.Error), "changes are refused, traffic goes on")
	}
	if h.Held > 0 {
		words = append(words, term.Count(h.Held, "revocation")+" in force and not written yet")
	}
	return strings.Join(words, "; ")
}

// maxNamed is how many devices are named that are behind; `device list` shows them all.
const maxNamed = 3

// devices says how many are connected, and which of them do not capture yet what they should.
func devices(list []NodeStatus) string {
	var words []string
	behind := 0
	for i := range list {
		if c := list[i].Configuration; c.Behind() {
			if behind++; behind <= maxNamed {
				words = append(words, list[i].ID+" has "+c.String())
			}
		}
	}
	text := fmt.Sprintf("%d connected", len(list))
	if behind > 0 {
		text += fmt.Sprintf(", %d behind: %s", behind, strings.Join(words, ", "))
	}
	if behind > maxNamed {
		text += ", …: oneping device list"
	}
	return text
}

// String says it for people, in MiB.
func (m MemoryStatus) String() string {
	const mib = 1 << 20
	text := fmt.Sprintf("%d MiB", m.Live/mib)
	if m.Limit > 0 {
		text = fmt.Sprintf("%d of %d MiB", m.Live/mib, m.Limit/mib)
	}
	if m.Short {
		text += ", short: strangers wait"
	}
	if m.Ended > 0 {
		text += fmt.Sprintf(", %d links ended for it", m.Ended)
	}
	return text
}
