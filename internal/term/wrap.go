package term

import "strings"

// Wrap breaks a text between its words into lines of at most width characters; a longer word has a
// line of its own. Where the text fits it is returned as it is.
func Wrap(text string, width int) []string {
	if seen(text) <= width {
		return []string{text}
	}
	var lines []string
	now := ""
	for _, word := range strings.Fields(text) {
		switch {
		case now == "":
			now = word
		case seen(now)+1+seen(word) <= width:
			now += " " + word
		default:
			lines, now = append(lines, now), word
		}
	}
	return append(lines, now)
}

// Fill wraps the paragraphs of a text at width. What stands in is as it is to be typed or read, and
// stays.
func Fill(text string, width int) string {
	var lines, paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			lines = append(lines, Wrap(strings.Join(paragraph, " "), width)...)
			paragraph = nil
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line[0] == ' ' {
			flush()
			lines = append(lines, line)
			continue
		}
		paragraph = append(paragraph, line)
	}
	flush()
	return strings.Join(lines, "\n")
}
