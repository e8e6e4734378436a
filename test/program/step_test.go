package program

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSteps(t *testing.T) {
	b := Block{Lang: "text", Place: "second-user", Text: `edge$ oneping device token --user bob@example.com --output bob.token    # carry bob.token to the laptop
wrote bob.token
hint: take it there

laptop$ oneping client up --token-file bob.token &
laptop$ cat empty   # a remark
`}
	want := []Step{
		{
			Node: "edge", Prompt: "edge$ oneping device token --user bob@example.com --output bob.token    # carry bob.token to the laptop",
			Command: "oneping device token --user bob@example.com --output bob.token",
			Output:  "wrote bob.token\nhint: take it there\n", Carry: "bob.token", To: "laptop",
		},
		{Node: "laptop", Prompt: "laptop$ oneping client up --token-file bob.token &", Command: "oneping client up --token-file bob.token &"},
		{Node: "laptop", Prompt: "laptop$ cat empty   # a remark", Command: "cat empty"},
	}
	if diff := cmp.Diff(want, b.Steps()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestShows(t *testing.T) {
	for _, c := range []struct {
		page, printed string
		want          bool
	}{
		{"", "", true},
		{"", "a\n", false},
		{"a\n", "a", true},
		{"a\n", "a  \n\n", true},
		{"a.c\n", "abc\n", false},
		{"a\n", "a\nb\n", false},
		{"…\n", "", true},
		{"a\n…\n", "a\nb\nc\n", true},
		{"…\nc\n", "a\nb\nc\n", true},
		{"a\n…\nc\n", "a\nc\n", true},
		{"a\n…\nc\n", "a\nb\n", false},
		{"a …\n", "a b\n", false},
	} {
		if got := (Step{Output: c.page}).Shows(c.printed); got != c.want {
			t.Errorf("%q shows %q: %v", c.page, c.printed, got)
		}
	}
}
