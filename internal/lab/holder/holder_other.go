//go:build !linux

package holder

import (
	"context"
	"errors"

	"github.com/oneping/oneping/internal/lab"
)

func errLinux() error { return errors.New("the lab needs Linux: it is made of network namespaces") }

// Run needs Linux.
func Run(context.Context) error { return errLinux() }

// RunLink needs Linux.
func RunLink(context.Context, lab.Shape, uint64) error { return errLinux() }

// Drop needs Linux.
func Drop(context.Context, int, bool, []string) error { return errLinux() }
