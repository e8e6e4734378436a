package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/proto/packet"
)

// laptop is a machine in memory (client.Host): its packets come and go by dev, nothing has to be
// captured, and it has no TCP, as gVisor does not run in a synctest bubble.
type laptop struct{ dev *device }

func (l laptop) Open(*client.Config) (client.Device, client.Router, error) {
	return l.dev, capturesAll{}, nil
}

func (l laptop) Reopen(*client.Config) (client.Device, error) {
	return nil, errors.New("a laptop of the simulation has one device")
}

func (l laptop) Stack(int, func([][]byte) error) (client.Stack, error) { return noTCP{}, nil }

// capturesAll is the routing of a machine whose only way out is its device (client.Router).
type capturesAll struct{}

func (capturesAll) Apply(context.Context, osroute.Config) error { return nil }
func (capturesAll) Undo() error                                 { return nil }
func (capturesAll) Inherited() bool                             { return false }
func (capturesAll) Warnings() []osroute.Warning                 { return nil }

func (capturesAll) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// noTCP takes no connection (client.Stack).
type noTCP struct{}

func (noTCP) Inject([]byte) {}
func (noTCP) Close()        {}

func (noTCP) Accept(context.Context, []byte, uint8) (flow.Endpoint, error) {
	return nil, errors.New("a laptop of the simulation has no TCP")
}

// device is a laptop's TUN device in memory (client.Device).
type device struct {
	out    chan []byte // from the host into the client
	closed chan struct{}
	once   sync.Once

	mu sync.Mutex
	in []arrival // from the client to the host
}

// arrival is a packet that the laptop received.
type arrival struct {
	packet.Packet
	at time.Time
}

func newDevice() *device {
	return &device{out: make(chan []byte, 4096), closed: make(chan struct{})}
}

func (d *device) Read(bufs [][]byte, sizes []int) (int, error) {
	select {
	case b := <-d.out:
		sizes[0] = copy(bufs[0], b)
		return 1, nil
	case <-d.closed:
		return 0, os.ErrClosed
	}
}

func (d *device) Write(pkts [][]byte) error {
	for _, b := range pkts {
		if err := d.WriteOne(b); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) WriteOne(b []byte) error {
	a := arrival{at: time.Now()}
	if r := packet.Parse(bytes.Clone(b), &a.Packet); r != packet.OK {
		return fmt.Errorf("the client wrote a packet that is %v: %x", r, b)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.in = append(d.in, a)
	return nil
}

func (d *device) BatchSize() int  { return 1 }
func (d *device) Dropped() uint64 { return 0 }
func (d *device) Name() string    { return "laptop0" }
func (d *device) MTU() int        { return client.DefaultMTU }

func (d *device) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// send lets the laptop send a packet.
func (d *device) send(b []byte) { d.out <- b }

// take returns what has arrived since the last take.
func (d *device) take() []arrival {
	d.mu.Lock()
	defer d.mu.Unlock()
	got := slices.Clone(d.in)
	d.in = nil
	return got
}
