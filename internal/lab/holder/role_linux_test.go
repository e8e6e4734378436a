package holder

import "testing"

func TestLastLines(t *testing.T) {
	for text, want := range map[string]string{
		"":             "",
		"\n":           "",
		"a\n":          "  a",
		"a\nb\nc\nd\n": "  c\n  d",
	} {
		if got := lastLines(text, 2); got != want {
			t.Errorf("lastLines(%q) = %q, want %q", text, got, want)
		}
	}
}
