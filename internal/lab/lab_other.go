//go:build !linux

package lab

import (
	"context"
	"errors"
	"io"

	"github.com/oneping/oneping/internal/term"
)

func errLinux() error {
	return hinted(errors.New("the lab needs Linux: it is made of network namespaces"), "run it in a Linux virtual machine or container")
}

// Up needs Linux.
func Up(context.Context, Options, *term.Progress) error { return errLinux() }

// Run needs Linux.
func Run(context.Context, Options, Command, *term.Progress) error { return errLinux() }

// Exec needs Linux.
func Exec(string, Command) error { return errLinux() }

// GetStatus needs Linux.
func GetStatus(string) (Status, error) { return Status{}, errLinux() }

// StopNode needs Linux.
func StopNode(string, string, bool) error { return errLinux() }

// StartNode needs Linux.
func StartNode(string, string) error { return errLinux() }

// Down needs Linux.
func Down(string) error { return errLinux() }

// List needs Linux.
func List() ([]string, error) { return nil, errLinux() }

// LogCommand needs Linux.
func LogCommand(string, bool) []string { return nil }

// Tail needs Linux.
func Tail(context.Context, string, bool, io.Writer) error { return errLinux() }
