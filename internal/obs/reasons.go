package obs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oneping/oneping/proto/packet"
)

// Reasons lists counters by reason on one line, as the status of every role
// shows them: what went on first, then by how often.
func Reasons(m map[string]uint64) string {
	if len(m) == 0 {
		return "none"
	}
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		ok := packet.OK.String()
		switch {
		case a == ok || b != ok && m[a] > m[b]:
			return -1
		case b == ok || m[a] < m[b]:
			return 1
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = fmt.Sprintf("%d %s", m[n], n)
	}
	return strings.Join(parts, ", ")
}
