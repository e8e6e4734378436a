package term

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	for _, c := range []struct {
		name  string
		empty string
		rows  [][]string
		want  string
	}{
		{"none", "-", nil, ""},
		{"one column", "-", [][]string{{"a"}, {"longer"}}, "a\nlonger\n"},
		{
			"titles", "-",
			[][]string{{"NAME", "STATE", "FROM"}, {"office-berlin", "", "x"}, {"b", "up", ""}},
			"NAME           STATE  FROM\noffice-berlin  -      x\nb              up     -\n",
		},
		{
			"facts", "none",
			[][]string{{"link", "down"}, {"", "no answer"}, {"captured", ""}},
			"link      down\n          no answer\ncaptured  none\n",
		},
		{
			"what is empty stays so", "",
			[][]string{{"pass", "token", "readable"}, {"", "", "fix: x"}, {"a", ""}},
			"pass  token  readable\n             fix: x\na\n",
		},
		{"characters, not bytes", "-", [][]string{{"é…", "x"}, {"abc", "y"}}, "é…   x\nabc  y\n"},
		{
			"the last cell widens nothing", "-",
			[][]string{{"a", "a text that goes on"}, {"b", "c", "d"}},
			"a  a text that goes on\nb  c  d\n",
		},
	} {
		tab := Table{Empty: c.empty}
		for _, r := range c.rows {
			tab.Row(r...)
		}
		var b strings.Builder
		if err := tab.Print(&b); err != nil || b.String() != c.want {
			t.Errorf("%s: %v\ngot\n%s\nwant\n%s", c.name, err, b.String(), c.want)
		}
	}
}

func TestTableHint(t *testing.T) {
	tab := Table{Empty: "-"}
	tab.Row("route", "none")
	tab.Hint("")
	tab.Hint("add one")
	var b strings.Builder
	if err := tab.Print(&b); err != nil || b.String() != "route  none\n       hint: add one\n" {
		t.Errorf("%v: %q", err, b.String())
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour:            "0s",
		0:                     "0s",
		59 * time.Second:      "59s",
		time.Minute:           "1m",
		59*time.Minute + 59e9: "59m",
		time.Hour:             "1h",
		48*time.Hour - 1:      "47h",
		48 * time.Hour:        "2d",
		960 * time.Hour:       "40d",
	} {
		if got := Span(d); got != want {
			t.Errorf("Span(%s) = %s, want %s", d, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	var b strings.Builder
	if err := JSON(&b, map[string]int{"n": 1}); err != nil {
		t.Error(err)
	}
	Hint(&b, "type it")
	for got, want := range map[string]string{
		Count(0, "rule") + Count(1, "rule") + Count(2, "rule"):                              "0 rules1 rule2 rules",
		List([]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}): "10.0.0.1, fd00::1",
		List[netip.Addr](nil) + Minute(time.Time{}):                                         "",
		Minute(at): "2026-01-02 03:04",
		Few(nil) + Few([]string{"a"}) + "; " + Few([]string{"a", "b"}) + "; " + Few([]string{"a", "b", "c", "d", "e", "f", "g"}):                "a; a, b; a, b, c, d, e and 2 more",
		Thousands(0) + " " + Thousands(999) + " " + Thousands(1000) + " " + Thousands(1048576) + " " + Thousands(-100) + " " + Thousands(-1000): "0 999 1,000 1,048,576 -100 -1,000",
		Second(at): "2026-01-02 03:04:05",
		b.String(): "{\n  \"n\": 1\n}\nhint: type it\n",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"laptop":                            "laptop",
		"a\x1b[31mb\n":                      "a[31mb",
		"\xff\u202eé":                       "é",
		strings.Repeat("x", maxPrintable+1): strings.Repeat("x", maxPrintable),
		strings.Repeat("é", maxPrintable):   strings.Repeat("é", maxPrintable/2),
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}
