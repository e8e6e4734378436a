package program

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// What stands in transcripts for what no two runs share.
const (
	someTime      = 0.4                // ms
	SomeDenial    = "5f0c1d2e3a4b5968" // what stands for each [DecisionID]
	someConnector = "kcjsn7eeklkpxfwn"
	someDevice    = "tp7nvluopw7w53n6"
	someEdge      = "c4c510fa5a21844209ce"
	somePort      = "40000"
	somePrefix    = "fd6f:12e4:a9c0"
	someMoment    = "2026-11-26 03:00"
	mtrColumns    = "    0.4   0.4   0.4   0.4   0.0"
)

// DecisionID finds the ids of denials.
var DecisionID = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// fixed are the ids of a transcript whose commands name none: they need no more than one of each.
var fixed = []struct {
	find *regexp.Regexp
	with string
}{
	{DecisionID, SomeDenial},
	{regexp.MustCompile(`(?m)(^| id )[a-z2-7]{16}\b`), "${1}" + someConnector},
	{regexp.MustCompile(`(device[ :])[a-z2-7]{16}\b`), "${1}" + someDevice},
}

// replaced are the expressions of what differs from run to run, and what stands for it.
var replaced = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`min/avg/max/mdev = .* ms`), "min/avg/max/mdev = 0.4/0.4/0.4/0.4 ms"},
	{regexp.MustCompile(`(?m)^( +\d+\.\|-- .* 0\.0% +\d+) .*$`), "${1}" + mtrColumns},
	{regexp.MustCompile(`Start: \S+`), "Start: " + strings.Replace(someMoment, " ", "T", 1) + ":00+0000"},
	{regexp.MustCompile(`(?m)^(\d+ +)[0-9.]+ ms +(\S+)$`), "${1}0.4 ms ${2}"}, // nmap
	{regexp.MustCompile(`(?m)^HOP RTT +ADDRESS$`), "HOP RTT    ADDRESS"},
	{regexp.MustCompile(`\b[0-9a-f]{20}\b`), someEdge},
	{regexp.MustCompile(`((?:198\.51\.100|203\.0\.113)\.\d+):\d+`), "${1}:" + somePort},
	{regexp.MustCompile(`\bfd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}((?::0)?:ffff:ffff:ffff:fffe|::/64|::\d+\b)`), somePrefix + "${1}"}, // an edge's own
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`), someMoment},
	{regexp.MustCompile(someMoment + `:\d\d`), someMoment + ":00"},
	{regexp.MustCompile(`\b(until|at) \d\d:\d\d:\d\d\b`), "${1} 03:10:00"},
	{regexp.MustCompile(`\b(up|down|seen|up for|down for) \d+s\b`), "${1} 5s"},
	{regexp.MustCompile(`belongs to user \d+`), "belongs to user 62791"}, // systemd's choice: DynamicUser=
	{regexp.MustCompile(`"count":\d+`), `"count":17`},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), strings.Replace(someMoment, " ", "T", 1) + ":00.000000000Z"},
	{regexp.MustCompile(`\(\d+ times\)`), "(17 times)"},
	{regexp.MustCompile(`(?m)^(\S+@\S+ +\S+ +\S+ +)\d+( +` + someMoment + `)`), "${1}17${2}"}, // of policy denials
	{regexp.MustCompile(`\blinux/\w+`), "linux/amd64"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

var (
	milliseconds = regexp.MustCompile(`\b(\d+(?:\.\d+)?)( ?)(?:ms|µs)\b`)
	tableHead    = regexp.MustCompile(`^[A-Z]+(?: {2,}[A-Z]+(?: [A-Z]+)*)+$`)
	columns      = regexp.MustCompile(` {2,}`)
)

// Normal replaces what differs from run to run, ids too, and leaves no space at the ends of lines and
// of the text.
func Normal(text string) string {
	for _, r := range fixed {
		text = r.find.ReplaceAllString(text, r.with)
	}
	return NormalButIDs(text)
}

// NormalButIDs is Normal for a text whose ids have their stand-ins ([IDs]).
func NormalButIDs(text string) string {
	text = strings.TrimRight(text, "\n") + "\n"
	for _, r := range replaced {
		text = r.find.ReplaceAllString(text, r.with)
	}
	text = milliseconds.ReplaceAllStringFunc(text, func(s string) string {
		m := milliseconds.FindStringSubmatch(s)
		ms, _ := strconv.ParseFloat(m[1], 64)
		switch whole := int(ms) / 1000 * 1000; {
		case strings.HasSuffix(s, "µs"):
		case whole > 0 || !strings.Contains(m[1], ".") && ms == 0: // a wait of whole seconds is part of the case
			return fmt.Sprint(whole) + m[2] + "ms"
		}
		return fmt.Sprint(someTime) + m[2] + "ms"
	})
	return align(text)
}

// align sets the tables of oneping anew: their columns are as wide as what was replaced.
func align(text string) string {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if !tableHead.MatchString(lines[i]) {
			continue
		}
		head := columns.Split(lines[i], -1)
		var rows [][]string
		widths := make([]int, len(head))
		for j := i; j < len(lines); j++ {
			row := columns.Split(lines[j], -1)
			if len(row) != len(head) {
				break
			}
			for k, cell := range row {
				widths[k] = max(widths[k], len(cell))
			}
			rows = append(rows, row)
		}
		for j, row := range rows {
			for k := range row[:len(row)-1] {
				row[k] = fmt.Sprintf("%-*s", widths[k], row[k])
			}
			lines[i+j] = strings.Join(row, "  ")
		}
		i += len(rows) - 1
	}
	return strings.Join(lines, "\n")
}
