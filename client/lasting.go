package client

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/obs"
)

// Between two attempts to make the device anew lie reopenFirst to about reopenCap.
const (
	reopenFirst = 100 * time.Millisecond
	reopenCap   = 5 * time.Second
)

// lastingDevice is a Device that outlives the system's: one that somebody deletes, or moves to
// another network namespace, is made anew. Meanwhile what is captured is unreachable, and nothing
// of it leaves by another interface: the client neither ends nor undoes its rules.
type lastingDevice struct {
	log    *zap.Logger
	open   func() (Device, error)
	remade func(name string) // called by the goroutine that reads
	closed chan struct{}
	once   sync.Once

	current atomic.Pointer[opened]
	dropped atomic.Uint64 // by devices before the current one

	// mu guards the change of current, and its end.
	mu sync.Mutex
}

// opened is one device of the system; number tells it from the ones before.
type opened struct {
	Device
	number int
}

func newLastingDevice(dev Device, open func() (Device, error), remade func(name string), log *zap.Logger) *lastingDevice {
	d := &lastingDevice{log: log, open: open, remade: remade, closed: make(chan struct{})}
	d.current.Store(&opened{Device: dev})
	return d
}

// Name is the current device's.
func (d *lastingDevice) Name() string { return d.current.Load().Name() }

// MTU is the one that each device is opened with.
func (d *lastingDevice) MTU() int { return d.current.Load().MTU() }

// BatchSize is the same for each device.
func (d *lastingDevice) BatchSize() int { return d.current.Load().BatchSize() }

// Dropped counts over all devices.
func (d *lastingDevice) Dropped() uint64 { return d.dropped.Load() + d.current.Load().Dropped() }

// Write implements Device. Without a device it fails.
func (d *lastingDevice) Write(pkts [][]byte) error { return d.current.Load().Write(pkts) }

// WriteOne implements Device.
func (d *lastingDevice) WriteOne(pkt []byte) error { return d.current.Load().WriteOne(pkt) }

// Read implements Device. It fails after Close alone.
func (d *lastingDevice) Read(bufs [][]byte, sizes []int) (int, error) {
	now := d.current.Load()
	n, err := now.Read(bufs, sizes)
	if err == nil {
		return n, nil
	}
	if d.isClosed() {
		return n, err
	}
	d.log.Warn("the TUN device is gone: what is captured is unreachable until it is there again", zap.Error(err))
	return 0, d.reopen(now)
}

// reopen replaces old by a device made anew, and tries until it is, or until Close.
func (d *lastingDevice) reopen(old *opened) error {
	_ = old.Close() // what the system still has of it
	pause := &backoff.ExponentialBackOff{InitialInterval: reopenFirst, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: reopenCap}
	pause.Reset()
	said := ""
	for {
		dev, err := d.replace(old)
		if err == nil {
			d.log.Info("the TUN device is there again", zap.String("device", dev.Name()))
			d.remade(dev.Name())
			return nil
		}
		if d.isClosed() {
			return err
		}
		if said != err.Error() {
			said = err.Error()
			d.log.Error("cannot make the TUN device anew", zap.Error(err), obs.Hint(err))
		}
		t := time.NewTimer(pause.NextBackOff())
		select {
		case <-d.closed:
		case <-t.C:
		}
		t.Stop()
	}
}

// replace opens a device in the place of old.
func (d *lastingDevice) replace(old *opened) (Device, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isClosed() {
		return nil, fmt.Errorf("read TUN device: %w", os.ErrClosed)
	}
	dev, err := d.open()
	if err != nil {
		return nil, err
	}
	d.dropped.Add(old.Dropped())
	d.current.Store(&opened{Device: dev, number: old.number + 1})
	return dev, nil
}

// number tells the current device from those before it.
func (d *lastingDevice) number() int { return d.current.Load().number }

// renew gives up the device of that number, which the host does not have any more; its reader makes
// it anew.
func (d *lastingDevice) renew(number int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.current.Load(); now.number == number {
		_ = now.Close()
	}
}

func (d *lastingDevice) isClosed() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

// Close removes the device for good and frees Read.
func (d *lastingDevice) Close() error {
	d.once.Do(func() { close(d.closed) })
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.current.Load().Close()
}
