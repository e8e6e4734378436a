// Package term is how oneping looks on a terminal.
//
// # The rules of our output
//
//   - Standard output has what was asked for and nothing else: it can be piped. What is said beside
//     it (errors, hints, progress) goes to standard error.
//   - A failure is "oneping: error: TEXT", and below it "hint: WHAT TO DO". Text and hint come from
//     one advice.Error. Exit code 1 is a failure, 2 a command line that makes no sense.
//   - Words are lower case, without a full stop, without an exclamation mark. A command in a text
//     is written so that it can be typed: oneping route add PREFIX TUNNEL.
//   - A list is a table: titles in capitals, columns two spaces apart, "-" for what is not known,
//     no space at the end of a line. A list of nothing says so in words, in the place of a table.
//   - One thing is shown as facts, one a line: a name in lower case, then what is so. A line
//     without a name goes on with the line above; what to do about it follows as "hint: …".
//   - Addresses and prefixes in one line are parted by ", ". What is counted has its noun (1 rule,
//     2 rules). An age has one unit: 5s, 12m, 3h, 40d.
//   - --json prints the same as JSON, indented by two. Its field names are an interface: they stay.
//   - What a node says of itself is a stranger's word: it is Printable before it is kept or shown.
//   - Colour, and lines that are drawn over, are for terminals only. States have one of three colours
//     (Good, Warn, Bad), and words that say the same; NO_COLOR and TERM=dumb leave them out.
//   - On a terminal nothing is wider than it: a row of a table is folded, a text goes on below. What
//     is piped has one line a row.
//
// What does not belong here: the words of a role. Each role says what its own status means
// (Status.WriteText); the commands in package cmd say the rest.
package term
