package term

import (
	"io"
	"strings"
)

const (
	// gap is how far columns are apart.
	gap = 2
	// foldIndent is how far the further lines of a row that was folded stand in.
	foldIndent = 4
	// leastText is how much of a text has to fit beside what is before it; else it begins a line.
	leastText = 24
)

// Table is rows of cells in aligned columns. The zero value is an empty table.
//
// On a terminal that is too narrow nothing is cut: a row is folded, each of its columns under the
// title of its column, and texts go on below where they begin.
type Table struct {
	Empty string // stands in the place of an empty cell, except in the first column
	rows  [][]string
}

// Row adds a row. Its last cell may be of any length; it widens no column.
func (t *Table) Row(cells ...string) {
	for i := range cells {
		if i > 0 && cells[i] == "" {
			cells[i] = t.Empty
		}
	}
	t.rows = append(t.rows, cells)
}

// Hint adds a row that says what to do about the one above; "" adds none.
func (t *Table) Hint(text string) {
	if text != "" {
		t.Row("", "hint: "+text)
	}
}

// Print writes the table, with no space at the end of a line: as wide as it is, but on a terminal
// within its width.
func (t *Table) Print(w io.Writer) error {
	text := t.text(Columns(w))
	if !coloured(w) {
		text = plain(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

// text lays the table out within width characters; 0: as wide as it is.
func (t *Table) text(width int) string {
	if width == 0 {
		width = 1 << 30
	}
	var b strings.Builder
	at := places(t.widths(), t.needs(), width)
	for _, cells := range t.rows {
		writeRow(&b, cells, at, width)
	}
	return b.String()
}

// place is where a column stands: in which line of its row, and how far in.
type place struct{ line, column int }

// places lays columns out that are so wide, and need so much where they are a row's last.
func places(widths, needs []int, width int) []place {
	at := make([]place, len(needs))
	now := place{}
	for i, need := range needs {
		if i < len(widths) {
			need = max(need, widths[i])
		}
		if i > 0 && now.column+need > width && now.column > foldIndent {
			now = place{now.line + 1, foldIndent}
		}
		at[i] = now
		if i < len(widths) {
			now.column += widths[i] + gap
		}
	}
	return at
}

// writeRow writes the lines of one row.
func writeRow(b *strings.Builder, cells []string, at []place, width int) {
	var line strings.Builder
	flush := func() {
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		line.Reset()
	}
	column, row := 0, 0
	for i, c := range cells {
		if at[i].line != row {
			flush()
			column, row = 0, at[i].line
		}
		line.WriteString(strings.Repeat(" ", max(at[i].column-column, 0)))
		column = max(column, at[i].column)
		if i == len(cells)-1 {
			c = strings.Join(Wrap(c, width-column), "\n"+strings.Repeat(" ", column))
		}
		line.WriteString(c)
		column += seen(c)
	}
	flush()
}

// widths returns how wide each column is, in characters; the last cell of a row does not count.
func (t *Table) widths() []int {
	var widths []int
	for _, cells := range t.rows {
		for i := range len(cells) - 1 {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], seen(cells[i]))
		}
	}
	return widths
}

// needs returns how much room the last cells of rows need, by column. They are texts, which may be
// wrapped; in a list of things they are also words, which should not be cut.
func (t *Table) needs() []int {
	var needs []int
	for _, cells := range t.rows {
		for len(needs) < len(cells) {
			needs = append(needs, 0)
		}
		last := len(cells) - 1
		if last < 0 {
			continue
		}
		needs[last] = max(needs[last], min(seen(cells[last]), leastText))
		if last < 2 {
			continue
		}
		for _, word := range strings.Fields(cells[last]) {
			needs[last] = max(needs[last], seen(word))
		}
	}
	return needs
}
