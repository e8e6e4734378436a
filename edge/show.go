package edge

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/oneping/oneping/internal/obs"
)

// WriteStatus writes s for people; now is when it was asked for.
func WriteStatus(w io.Writer, s *Status, now time.Time) error {
	up := 0
	for _, t := range s.Tunnels {
		if len(t.Connectors) > 0 {
			up++
		}
	}
	rows := [][2]string{
		{"edge", fmt.Sprintf("%s, version %s, up %s", s.Edge, s.Version, now.Sub(s.Started).Round(time.Second))},
		{"listens", s.Listen.String() + " (UDP)"},
		{"hops", addrs(s.Hops)},
		{"unreachable", map[bool]string{false: "answer", true: "silent"}[s.Silent]},
		{"tunnels", fmt.Sprintf("%d, %d with a connector", len(s.Tunnels), up)},
		{"routes", fmt.Sprint(s.Routes)},
		{"devices", devices(s.Devices)},
		{"traffic", fmt.Sprintf("%d UDP sessions, %d TCP flows", s.Sessions, s.Flows)},
		{"packets", obs.Reasons(s.Reasons)},
		{"refused", obs.Reasons(s.Refused)}, // before a handshake
		{"memory", s.Memory.String()},
	}
	if m := s.Held.String(); m != "" {
		rows = slices.Insert(rows, len(rows)-1, [2]string{"stuck", m})
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintf(tw, "%s\t%s\n", r[0], r[1]); err != nil {
			return err
		}
	}
	return tw.Flush()
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

func addrs(list []netip.Addr) string {
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
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
