// Package program is what the suites share that test the built programs: it builds them for a suite
// (Main), leaves out what cannot run here, polls, finds processes, and reads the README's commands.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const module = "github.com/oneping/oneping"

// Main runs a suite of tests with the path of the program under test and ends the process with the
// suite's exit code. The nodes of labs find the helper tool by its name. Both are built for it,
// unless ONEPING_BIN and ONEPING_TOOL name them.
func Main(name string, suite func(oneping string) (code int, err error)) {
	code, err := run(name, suite)
	if err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: %s: %v\n", name, err)
		code = 1
	}
	os.Exit(code)
}

func run(name string, suite func(oneping string) (code int, err error)) (int, error) {
	dir, err := os.MkdirTemp("", "oneping-"+name+"-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the connector runs as nobody
		return 1, err
	}
	oneping, err := get(dir, "oneping", "ONEPING_BIN", module)
	if err != nil {
		return 1, err
	}
	tool, err := get(dir, "tool", "ONEPING_TOOL", module+"/test/e2e/tool")
	if err != nil {
		return 1, err
	}
	if err := os.Setenv("PATH", filepath.Dir(tool)+":"+os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		return 1, err
	}
	return suite(oneping)
}

// get returns the path of a program: the one that the environment variable env names,
// or one built from the package pkg into dir.
func get(dir, name, env, pkg string) (string, error) {
	if path := os.Getenv(env); path != "" {
		return path, nil
	}
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}
