package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"syscall"
)

var errCrash = errors.New("the machine has gone")

// memory is a disk that ends, or is full, at a step of its own, and then has what a disk may have:
// what was synced, and of the rest all, half or nothing.
type memory struct {
	names  map[string]*memoryFile // as programs see them
	synced map[string]*memoryFile // as they are found after a crash
	steps  int                    // changes until now
	dies   int                    // at which change; 0 = never
	room   int                    // bytes that files may be longer; -1 = no limit
}

type memoryFile struct {
	disk *memory
	now  []byte
	kept []byte // what was synced
}

func newMemory() *memory {
	return &memory{names: map[string]*memoryFile{}, synced: map[string]*memoryFile{}, room: -1}
}

// step counts a change, and fails from the one on at which the machine goes.
func (m *memory) step() error {
	m.steps++
	if m.dies > 0 && m.steps >= m.dies {
		return errCrash
	}
	return nil
}

// rot says how much is left, after a crash, of what was not synced.
type rot int

const (
	all rot = iota
	half
	nothing
)

// after returns the disk as it is found after a crash.
func (m *memory) after(r rot) *memory {
	out := newMemory()
	names := m.synced
	if r != nothing {
		names = m.names
	}
	for name, f := range names {
		b := f.kept
		switch r {
		case all:
			b = f.now
		case half: // the first half of each page that differs
			b = bytes.Clone(f.now)
			if len(f.kept) < len(f.now) {
				b = b[:(len(f.kept)+len(f.now))/2]
			} else {
				i := 0
				for i < len(b) && b[i] == f.kept[i] {
					i++
				}
				j := len(b)
				for j > i && b[j-1] == f.kept[j-1] {
					j--
				}
				copy(b[(i+j)/2:], f.kept[(i+j)/2:len(b)])
			}
		}
		g := &memoryFile{disk: out, now: bytes.Clone(b), kept: bytes.Clone(b)}
		out.names[name], out.synced[name] = g, g
	}
	return out
}

func (m *memory) read(name string) ([]byte, error) {
	f, ok := m.names[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(f.now), nil
}

func (m *memory) create(name string) (file, error) {
	if err := m.step(); err != nil {
		return nil, err
	}
	f := &memoryFile{disk: m}
	m.names[name] = f
	return f, nil
}

func (m *memory) open(name string) (file, error) {
	f, ok := m.names[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return f, nil
}

func (m *memory) rename(from, to string) error {
	if err := m.step(); err != nil {
		return err
	}
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

func (m *memory) remove(name string) error {
	if err := m.step(); err != nil {
		return err
	}
	delete(m.names, name)
	return nil
}

func (m *memory) sync() error {
	if err := m.step(); err != nil {
		return err
	}
	m.synced = maps.Clone(m.names)
	return nil
}

func (f *memoryFile) WriteAt(b []byte, at int64) (int, error) {
	err := f.disk.step()
	if err != nil {
		b = b[:len(b)/2] // the machine went within
	}
	more := int(at) + len(b) - len(f.now)
	if err == nil && f.disk.room >= 0 && more > f.disk.room {
		return 0, syscall.ENOSPC
	}
	if more > 0 {
		if f.disk.room >= 0 {
			f.disk.room -= more
		}
		f.now = append(f.now, make([]byte, more)...)
	}
	return copy(f.now[at:], b), err
}

func (f *memoryFile) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	f.kept = bytes.Clone(f.now)
	return nil
}

func (f *memoryFile) Close() error { return nil }
