package cmd

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
)

// called returns how the next command on this machine begins: oneping where a shell finds this
// program under that name, else what was typed, as scripts/oneping in a clone.
func called() string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	found, err := osexec.LookPath(name)
	if err == nil && sameFile(found, self) {
		return name
	}
	return typed(os.Args[0])
}

const name = "oneping"

// typed is the first word of a command line, as a shell reads it again: a path to oneping, or to
// oneping-linux-amd64. What is a program of another name, a test, is not what a person types.
func typed(word string) string {
	switch {
	case !strings.ContainsRune(word, filepath.Separator) || !strings.HasPrefix(filepath.Base(word), name):
		return name
	case strings.ContainsAny(word, " \t'\"\\$&;|<>()*?[]#~`!{}"):
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// asTyped writes text with the name that called returns wherever it names a command for a lab: that
// is always one on this machine.
func asTyped(text string) string { return strings.ReplaceAll(text, name+" lab", called()+" lab") }
