package advice

// maxWord is the longest word that is compared, in bytes: nobody mistypes a name of more, and the
// comparison takes time and memory by its length.
const maxWord = 64

// Nearest returns the name that word was probably meant to be, "" where none is like it: a third of
// its letters, and at least one, may be wrong. Of two that are equally near it is the first in the
// order of bytes.
func Nearest(word string, names []string) string {
	best, least := "", 1+max(1, len(word)/3)
	if len(word) > maxWord {
		return ""
	}
	for _, name := range names {
		d := distance(word, name)
		if d < least || d == least && best != "" && name < best {
			best, least = name, d
		}
	}
	return best
}

// distance returns how many letters have to be changed, added, left out or exchanged with their
// neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
