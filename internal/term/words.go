package term

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Span writes a duration as coarsely as people speak, with one unit: 5s, 12m, 3h, 40d. A negative
// one is 0s.
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(max(d, 0).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Minute writes a point of time to the minute, in this machine's time zone; "" for none.
func Minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

// Second writes a point of time to the second, in this machine's time zone.
func Second(t time.Time) string { return t.Local().Format(time.DateTime) }

// Count writes a number and its noun: "1 rule", "2 rules".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// List writes items in one line, parted by ", "; "" for none.
func List[T fmt.Stringer](items []T) string {
	words := make([]string, len(items))
	for i, x := range items {
		words[i] = x.String()
	}
	return strings.Join(words, ", ")
}

// maxFew is how many words Few names.
const maxFew = 5

// Few writes the first of several words in one line: "a, b, c, d, e and 3 more".
func Few(words []string) string {
	text := strings.Join(words[:min(maxFew, len(words))], ", ")
	if more := len(words) - maxFew; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Thousands writes a number with its digits in groups: 1,048,576.
func Thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// JSON writes v as one indented JSON document.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Hint says what to do next or about a failure, on a line of its own.
func Hint(w io.Writer, text string) {
	_, _ = fmt.Fprintln(w, "hint:", text) // for people; nothing depends on it
}
