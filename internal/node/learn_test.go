package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/oneping/oneping/proto"
)

// What an edge says comes first; what was dialled before goes when one of the new has worked, and no
// sooner; what the token says stays. What cannot be dialled is no address.
func TestLearnt(t *testing.T) {
	const a, b, c = "192.0.2.1:7844", "edge.example.com:7844", "[2001:db8::1]:7844"
	for _, x := range []struct {
		name, said, old, named, at, want string
	}{
		{"nothing is said", "", a, "", a, ""},
		{"the same", a, a, "", a, a},
		{"a new one beside it", a + " " + b, a, "", a, a + " " + b},
		{"a new one in its place has not worked", b, a, "", a, b + " " + a},
		{"it has worked", b, b + " " + a, "", b, b},
		{"it has worked, from where it can be reached", b, b + " " + a, a, b, b + " " + a},
		{"and is taken back", a, b + " " + a, a, a, a},
		{"an edge that has moved on", c, b + " " + a, a, b, c + " " + b + " " + a},
		{"two, of which none has worked", b + " " + c, a, "", a, b + " " + c + " " + a},
		{"the second has worked", b + " " + c, b + " " + c + " " + a, "", c, b + " " + c},
		{"another one before the first has worked", c, b + " " + a, "", a, c + " " + a + " " + b},
		{"a slip", "edge.example.com", a, "", a, ""},
		{"a slip beside a good one", "edge.example.com 0.0.0.0:7844 " + b + " " + b, a, "", a, b + " " + a},
		{"what would reach a terminal", "edge\x1b[2J:7844", a, "", a, ""},
		{"too long", strings.Repeat("x", 254) + ":65535", a, "", a, ""},
	} {
		got := learnt(strings.Fields(x.said), strings.Fields(x.old), strings.Fields(x.named), x.at)
		if !slices.Equal(got, strings.Fields(x.want)) {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
	var many, before []string
	for i := range 100 {
		many, before = append(many, fmt.Sprintf("192.0.2.1:%d", 1000+i)), append(before, fmt.Sprintf("192.0.2.1:%d", 2000+i))
	}
	if got := learnt(many, before, nil, before[99]); len(got) != 2*proto.MaxEdges || got[proto.MaxEdges] != before[99] {
		t.Errorf("%d addresses, %q", len(got), got)
	}
}
