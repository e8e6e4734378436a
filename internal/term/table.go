package term

import (
	"io"
	"strings"
	"unicode/utf8"
)

// gap is how far columns are apart.
const gap = 2

// Table is rows of cells in aligned columns. The zero value is an empty table.
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

// Print writes the table, with no space at the end of a line.
func (t *Table) Print(w io.Writer) error {
	widths := t.widths()
	var b strings.Builder
	for _, cells := range t.rows {
		var line strings.Builder
		for i, c := range cells {
			line.WriteString(c)
			if i < len(cells)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+gap))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// widths returns how wide each column is, in characters.
func (t *Table) widths() []int {
	var widths []int
	for _, cells := range t.rows {
		for i := range len(cells) - 1 {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[i]))
		}
	}
	return widths
}
