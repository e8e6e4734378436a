//go:build linux

package e2e

import (
	"regexp"
	"testing"

	"github.com/oneping/oneping/test/program"
)

// needs leaves the test out when a program is missing, and fails it under CI.
func needs(t testing.TB, programs ...string) {
	t.Helper()
	program.Needs(t, programs...)
}

// needsCommand is needs for the program that a command begins with, where the list of the tests'
// programs has it: what a test runs itself it need not name first.
func needsCommand(t testing.TB, argv []string) {
	t.Helper()
	if program.Known(argv[0]) {
		needs(t, argv[0])
	}
}

// notFound is what a shell says of a program that is not there: "sh: 1: ip: not found".
var notFound = regexp.MustCompile(`(?m)^\S*sh: .*?([\w-]+): (?:command )?not found$`)

// needsOf is needs for the programs that a script has not found.
func needsOf(t testing.TB, r result) {
	t.Helper()
	if r.code == 0 {
		return
	}
	for _, m := range notFound.FindAllStringSubmatch(r.stderr, -1) {
		needsCommand(t, m[1:])
	}
}
