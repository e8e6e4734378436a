package journal

import (
	"io"
	"os"
	"path/filepath"

	"github.com/oneping/oneping/internal/process"
)

// disk is the directory of the evidence, as far as it is used. Tests have one that fails and forgets
// at each step.
type disk interface {
	read(name string) ([]byte, error)
	create(name string) (file, error) // empty, and its owner's alone
	open(name string) (file, error)   // for writing, as it is
	rename(from, to string) error     // over what is there
	remove(name string) error
	sync() error // names that were made, renamed and removed are kept
}

// file is an open file of a disk.
type file interface {
	io.WriterAt
	Sync() error
	Close() error
}

// folder is a directory of the system.
type folder string

func (d folder) read(name string) ([]byte, error) {
	return process.ReadFile(filepath.Join(string(d), name))
}

func (d folder) create(name string) (file, error) {
	return os.OpenFile(filepath.Join(string(d), name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (d folder) open(name string) (file, error) {
	return os.OpenFile(filepath.Join(string(d), name), os.O_RDWR, 0)
}

func (d folder) rename(from, to string) error {
	return os.Rename(filepath.Join(string(d), from), filepath.Join(string(d), to))
}

func (d folder) remove(name string) error { return os.Remove(filepath.Join(string(d), name)) }

func (d folder) sync() error { return syncFolder(string(d)) }

// draft is under which name a file is written before it takes its place.
func draft(name string) string { return name + ".new" }

// replace makes name have these bytes: after a crash it has the old ones or the new ones, whole.
func replace(d disk, name string, b []byte) error {
	if err := write(d, draft(name), b); err != nil {
		return err
	}
	return place(d, name)
}

// place puts the draft of name in the place of name.
func place(d disk, name string) error {
	if err := d.rename(draft(name), name); err != nil {
		return err
	}
	return d.sync()
}

// write writes a file whole, or leaves none.
func write(d disk, name string, b []byte) error {
	f, err := d.create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = d.remove(name)
	}
	return err
}
