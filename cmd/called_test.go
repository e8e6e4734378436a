package cmd

import "testing"

func TestTyped(t *testing.T) {
	for word, want := range map[string]string{
		"":                    "oneping",
		"oneping":             "oneping",
		"scripts/oneping":     "scripts/oneping",
		"./oneping":           "./oneping",
		"/opt/my dir/oneping": "'/opt/my dir/oneping'",
		"./it's/oneping":      `'./it'\''s/oneping'`,
		"/tmp/b001/cmd.test":  "oneping",
		"./oneping-linux":     "./oneping-linux",
	} {
		if got := typed(word); got != want {
			t.Errorf("typed(%q) = %q, want %q", word, got, want)
		}
	}
}
