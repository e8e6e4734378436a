package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/oneping/oneping/internal/process"
)

// host is the machine that is changed: its files below root, its commands by run. Each change is
// one line on out.
type host struct {
	root    string // "" but in tests
	dry     bool
	out     io.Writer
	run     func(ctx context.Context, argv ...string) (string, error)
	changed bool
}

func (h *host) path(p string) string { return filepath.Join(h.root, p) }

func (h *host) say(format string, args ...any) { fmt.Fprintf(h.out, format+"\n", args...) }

func (h *host) exists(p string) bool {
	_, err := os.Stat(h.path(p))
	return err == nil
}

func (h *host) read(p string) string {
	b, err := os.ReadFile(h.path(p))
	if err != nil {
		return ""
	}
	return string(b)
}

// write makes or replaces a file, and its directory. A dry run shows what is no secret.
func (h *host) write(p, text string, mode fs.FileMode) error {
	if h.exists(p) && h.read(p) == text {
		h.say("keep    %s", p)
		return nil
	}
	h.say("write   %s (mode %04o)", p, mode)
	h.changed = true
	if h.dry {
		if mode&0o077 != 0 {
			h.say("%s", indent(text))
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path(p)), 0o755); err != nil {
		return err
	}
	return process.WriteFile(h.path(p), []byte(text), mode)
}

// remove removes a file or an empty directory that is there.
func (h *host) remove(p string) error {
	if !h.exists(p) {
		return nil
	}
	h.say("remove  %s", p)
	h.changed = true
	if h.dry {
		return nil
	}
	return os.Remove(h.path(p))
}

// removeUnchanged removes a file that still says what install wrote, and leaves what somebody
// edited.
func (h *host) removeUnchanged(p, text string) error {
	switch {
	case !h.exists(p):
		return nil
	case h.read(p) != text:
		h.say("keep    %s: it was edited", p)
		return nil
	}
	return h.remove(p)
}

// removeEmpty removes a directory that nothing is in any more.
func (h *host) removeEmpty(p string) error {
	entries, err := os.ReadDir(h.path(p))
	if err != nil || len(entries) > 0 {
		return nil
	}
	return h.remove(p)
}

// do runs a command.
func (h *host) do(ctx context.Context, argv ...string) error {
	h.say("run     %s", strings.Join(argv, " "))
	if h.dry {
		return nil
	}
	_, err := h.run(ctx, argv...)
	return err
}

// ask runs a command that changes nothing, and returns what it prints.
func (h *host) ask(ctx context.Context, argv ...string) (string, error) { return h.run(ctx, argv...) }

// command runs a program and returns what it prints; what it says of a failure is in the error.
func command(ctx context.Context, argv ...string) (string, error) {
	var out, words bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &words
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if said := bytes.TrimSpace(append(words.Bytes(), out.Bytes()...)); len(said) > 0 {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, said)
	}
	return "", fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
}

func indent(text string) string {
	return "        " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n        ")
}

func isDenied(err error) bool { return errors.Is(err, fs.ErrPermission) }
