package client

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// memoryDevice is a Device that can be deleted. Its packets are single bytes.
type memoryDevice struct {
	packets chan byte
	gone    chan struct{}
	once    sync.Once
	lost    uint64
}

func newMemoryDevice() *memoryDevice {
	return &memoryDevice{packets: make(chan byte, 1), gone: make(chan struct{})}
}

func (d *memoryDevice) Read(bufs [][]byte, sizes []int) (int, error) {
	select {
	case b := <-d.packets:
		sizes[0] = copy(bufs[0], []byte{b})
		return 1, nil
	case <-d.gone:
		return 0, os.ErrClosed
	}
}

func (d *memoryDevice) Dropped() uint64       { return d.lost }
func (d *memoryDevice) Write([][]byte) error  { return nil }
func (d *memoryDevice) WriteOne([]byte) error { return nil }
func (d *memoryDevice) BatchSize() int        { return 1 }
func (d *memoryDevice) Name() string          { return "memory0" }
func (d *memoryDevice) MTU() int              { return 1500 }
func (d *memoryDevice) Close() error          { d.once.Do(func() { close(d.gone) }); return nil }

// A device that is deleted is made anew, also where that takes a while, and its reader notices
// nothing but a read without packets; what cannot be done is said once.
func TestLastingDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newMemoryDevice(), newMemoryDevice()
		first.lost, second.lost = 2, 3
		tries, refuse := 0, errors.New("no more devices")
		open := func() (Device, error) {
			if tries++; tries < 4 {
				return nil, refuse
			}
			return second, nil
		}
		var remade []string
		core, logs := observer.New(zap.DebugLevel)
		d := newLastingDevice(first, open, func(name string) { remade = append(remade, name) }, zap.New(core))
		bufs, sizes := [][]byte{make([]byte, 10)}, make([]int, 1)
		first.packets <- 'a'
		if n, err := d.Read(bufs, sizes); n != 1 || err != nil || bufs[0][0] != 'a' {
			t.Fatalf("Read = %d, %v, %q", n, err, bufs[0][:1])
		}
		d.renew(7) // of one that has been replaced: nothing
		d.renew(d.number())
		if n, err := d.Read(bufs, sizes); n != 0 || err != nil {
			t.Errorf("Read of a deleted device = %d, %v", n, err)
		}
		second.packets <- 'b'
		if n, err := d.Read(bufs, sizes); n != 1 || err != nil || bufs[0][0] != 'b' {
			t.Errorf("Read of the new one = %d, %v", n, err)
		}
		if tries != 4 || !slices.Equal(remade, []string{"memory0"}) || d.Dropped() != 5 || d.number() != 1 {
			t.Errorf("after %d tries made anew %q, dropped %d, number %d", tries, remade, d.Dropped(), d.number())
		}
		var said []string
		for _, e := range logs.All() {
			said = append(said, e.Level.String()+" "+e.Message)
		}
		want := []string{
			"warn the TUN device is gone: what is captured is unreachable until it is there again",
			"error cannot make the TUN device anew",
			"info the TUN device is there again",
		}
		if !slices.Equal(said, want) {
			t.Errorf("logged %q, want %q", said, want)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := d.Read(bufs, sizes); n != 0 || !errors.Is(err, os.ErrClosed) {
			t.Errorf("Read after Close = %d, %v", n, err)
		}
	})
}

// Close ends the attempts to make a device anew.
func TestLastingDeviceClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newMemoryDevice()
		d := newLastingDevice(first, func() (Device, error) { return nil, errors.New("no") }, func(string) { t.Error("made anew") }, zap.NewNop())
		ended := make(chan error)
		go func() {
			_, err := d.Read([][]byte{make([]byte, 10)}, make([]int, 1))
			ended <- err
		}()
		_ = first.Close()
		time.Sleep(time.Minute) // virtual
		_ = d.Close()
		if err := <-ended; err == nil {
			t.Error("Read ended without an error")
		}
	})
}
