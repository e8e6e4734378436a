package obs

import "testing"

func TestNewsIsWhatWasNotSaidLast(t *testing.T) {
	var n News
	for i, s := range []struct {
		subject, text string
		want          bool
	}{
		{"a", "down", true},
		{"b", "refused", true},
		{"a", "down", false}, // though b spoke in between
		{"b", "refused", false},
		{"a", "refused", true},
		{"a", "down", true},
		{"c", "", true},
		{"c", "", false},
	} {
		if got := n.Is(s.subject, s.text); got != s.want {
			t.Errorf("%d: %s %q is news: %v", i, s.subject, s.text, got)
		}
	}
	n.Forget()
	if !n.Is("a", "down") {
		t.Error("not forgotten")
	}
}
