package process

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/oneping/oneping/internal/advice"
)

// WriteOutput writes b to what a person has named with --output. A file is made or replaced as a
// whole, mode 0600 (WriteFile: links are followed). What is no file is written through and stays
// what it is: a device, a FIFO, for whose reader it waits, a socket that somebody listens on,
// /dev/stdout and its like; "-" is standard output. Errors have advice.
func WriteOutput(ctx context.Context, path string, b []byte) error {
	err := writeOutput(ctx, path, b)
	if err == nil || advice.Of(err) != "" {
		return err
	}
	return advice.With(err, outputHint(path, err))
}

// CheckOutput says of a path what WriteOutput would, as far as that is known before there is
// something to write: its place is no directory, or it is one. Who asks first makes nothing that is
// lost. "" is no output.
func CheckOutput(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	fi, err := os.Stat(path)
	switch {
	case err == nil && fi.IsDir():
		_, err = replaceable(path)
	case errors.Is(err, fs.ErrNotExist):
		fi, err = os.Stat(filepath.Dir(path))
		if err == nil && !fi.IsDir() {
			err = syscall.ENOTDIR
		}
	}
	if err == nil || advice.Of(err) != "" {
		return err
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	err = &fs.PathError{Op: "open", Path: path, Err: err}
	return advice.With(err, outputHint(path, err))
}

func writeOutput(ctx context.Context, path string, b []byte) error {
	if path == "-" {
		_, err := os.Stdout.Write(b)
		return err
	}
	fi, err := os.Stat(path)
	if err != nil { // not there, or its place is not: WriteFile says so
		return WriteFile(path, b, 0o600)
	}
	if f := stream(fi); f != nil {
		_, err := f.Write(b)
		return err
	}
	switch mode := fi.Mode(); {
	case mode.IsRegular(), mode.IsDir():
		return WriteFile(path, b, 0o600)
	case mode&fs.ModeSocket != 0:
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		_, err = conn.Write(b)
		return errors.Join(err, conn.Close())
	case mode&fs.ModeNamedPipe != 0:
		return writeFIFO(ctx, path, b)
	}
	return writeThrough(path, b, 0)
}

// stream returns standard output or error where that is what fi describes: opened anew a file would
// be written from its beginning, and a socket not at all.
func stream(fi fs.FileInfo) *os.File {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if s, err := f.Stat(); err == nil && os.SameFile(s, fi) {
			return f
		}
	}
	return nil
}

// fifoEvery is how often a FIFO without a reader is tried.
const fifoEvery = 20 * time.Millisecond

// writeFIFO waits for a reader as a shell does, but ends with ctx: opening it without O_NONBLOCK
// could not be interrupted.
func writeFIFO(ctx context.Context, path string, b []byte) error {
	tick := time.NewTicker(fifoEvery)
	defer tick.Stop()
	for {
		err := writeThrough(path, b, syscall.O_NONBLOCK)
		if !errors.Is(err, syscall.ENXIO) { // fifo(7): nobody has it open for reading
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for a reader of %s: %w", path, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// writeThrough writes to what is there.
func writeThrough(path string, b []byte, flag int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flag, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

func outputHint(path string, err error) string {
	dir := filepath.Dir(path)
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	switch {
	case full && !maybeFile(path):
		return path + " is a device, and the device is full: name a file, or - for standard output"
	case full:
		return "make room in " + dir + ", or name a file elsewhere; what was there is as before"
	case errors.Is(err, syscall.ENOTDIR):
		return inTheWay(path) + " is no directory: name a file in one, or that file itself without a slash behind it"
	case errors.Is(err, fs.ErrNotExist):
		return "make the directory first: mkdir -p " + dir
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "name a file where this user may write, or - for standard output"
	case errors.Is(err, syscall.EBUSY):
		return path + " is a mount point: name a file beside it"
	}
	return "name another file, or - for standard output"
}

// maybeFile says whether path is a file, or would be one.
func maybeFile(path string) bool {
	fi, err := os.Stat(path)
	return err != nil || fi.Mode().IsRegular()
}

// inTheWay returns what stands, on the way to path, in the place of a directory.
func inTheWay(path string) string {
	dir := filepath.Dir(path)
	for filepath.Dir(dir) != dir {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}
