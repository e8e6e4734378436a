package lab

import "os"

// Command is what to run in a node, with which streams. The streams stay the
// caller's.
type Command struct {
	Node                  string
	Argv                  []string
	Stdin, Stdout, Stderr *os.File
}
