// Package program finds or builds the programs that a suite of tests runs.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Get returns the path of a program: the one that the environment variable env names,
// or one built from the package pkg into dir.
func Get(dir, name, env, pkg string) (string, error) {
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

// OnPath puts the folders of programs first in PATH: whatever the tests start finds them by name.
func OnPath(programs ...string) error {
	path := os.Getenv("PATH") + ":/usr/sbin:/sbin"
	for _, p := range programs {
		path = filepath.Dir(p) + ":" + path
	}
	return os.Setenv("PATH", path)
}
