package cmd

import (
	"strings"
	"testing"
)

// TestPlain: what a page, a word processor or another shell has made of a word, and the word.
func TestPlain(t *testing.T) {
	for word, want := range map[string]string{
		"–-user":                    "--user",
		"-–user":                    "--user",
		"—user":                     "--user",
		"––user":                    "--user",
		"–f":                        "-f",
		"−f":                        "-f",
		"--token‑file":              "--token-file",
		"—token—file":               "--token-file",
		"–-user=“bob@example.com”":  "--user=bob@example.com",
		"--user='bob@example.com'":  "--user=bob@example.com",
		"“alice@example.com”":       "alice@example.com",
		"„alice@example.com“":       "alice@example.com",
		"«office»":                  "office",
		"'alice@example.com'":       "alice@example.com",
		"\"eng":                     "eng",
		"office`":                   "office",
		"office\r":                  "office",
		"\ufeffoffice":              "office",
		"off\u200bice":              "office",
		"\u00a0172.16.10.0/24":      "172.16.10.0/24",
		"“":                         "",
		"alice@example.com":         "alice@example.com",
		"o'brien@example.com":       "o'brien@example.com",
		"172.16.10.0/24":            "172.16.10.0/24",
		"--":                        "--",
		"-":                         "-",
		"":                          "",
		"-f":                        "-f",
		"---user":                   "---user",
		"--link":                    "--link",
		"laptop-edge:delay=20ms":    "laptop-edge:delay=20ms",
		"--link=laptop-edge:loss=1": "--link=laptop-edge:loss=1",
		"büro":                      "büro",
	} {
		if got := plain(word); got != want {
			t.Errorf("plain(%q) = %q, want %q", word, got, want)
		}
		if again := plain(want); again != want {
			t.Errorf("plain(%q) = %q: a word that was mended is mended again", want, again)
		}
	}
}

// FuzzPlain: no word is too odd, and one that was mended needs no mending.
func FuzzPlain(f *testing.F) {
	f.Add("–-user=“x”")
	f.Add("-\u2013\"=\r-")
	f.Fuzz(func(t *testing.T, word string) {
		once := plain(word)
		if len(once) > len(word)+2 {
			t.Errorf("plain(%q) = %q", word, once)
		}
		if err := pasted([]string{word}); err != nil && !strings.Contains(err.Error(), " has ") {
			t.Error(err)
		}
	})
}

// TestPastedEnds: the words of another program's command are its own, and a shell that completes a
// word has not yet got all of it.
func TestPastedEnds(t *testing.T) {
	for _, args := range [][]string{
		{"lab", "--", "sh", "-c", "echo “x”"},
		{"lab", "exec", "laptop", "--", "echo", "–-user"},
		{"__complete", "tunnel", "show", "'of"},
		nil,
	} {
		if err := pasted(args); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}
