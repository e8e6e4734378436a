package holder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/internal/lab"
)

const (
	queuedFrames = 4096                   // in flight in one direction, whatever the delay
	maxBacklog   = 200 * time.Millisecond // waiting for the rate; more is dropped, as by a router
	frameSize    = 9000 + 18              // largest MTU, Ethernet header, VLAN tag
)

// shaper decides the fate of the frames of one direction. It keeps their order.
type shaper struct {
	shape lab.Shape
	rng   *rand.Rand
	free  time.Time // when the line is free again
	last  time.Time // when the newest frame is due
}

func newShaper(shape lab.Shape, seed, direction uint64) *shaper {
	return &shaper{shape: shape, rng: rand.New(rand.NewPCG(seed, direction))}
}

// admit returns when a frame of size bytes that arrives now leaves at the other
// end, or false if it is lost. The rate is a token bucket that holds one frame: frames
// leave back to back, never in bursts.
func (s *shaper) admit(now time.Time, size int) (time.Time, bool) {
	if s.shape.Loss > 0 && s.rng.Float64() < s.shape.Loss {
		return time.Time{}, false
	}
	leave := now
	if s.shape.Rate > 0 {
		start := later(now, s.free)
		if start.Sub(now) > maxBacklog {
			return time.Time{}, false
		}
		s.free = start.Add(time.Duration(int64(size) * 8 * int64(time.Second) / s.shape.Rate))
		leave = s.free
	}
	s.last = later(s.last, leave.Add(s.latency()))
	return s.last, true
}

func (s *shaper) latency() time.Duration {
	d := s.shape.Delay
	if j := s.shape.Jitter; j > 0 {
		d += time.Duration(s.rng.Int64N(2*int64(j)+1)) - j
	}
	return max(d, 0)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// frame waits in a direction's queue; buf returns to the free list after it.
type frame struct {
	buf []byte
	n   int
	due time.Time
}

// direction moves frames from in to out as its shaper says.
type direction struct {
	shaper *shaper
	in     io.Reader
	out    io.Writer
	queue  chan frame
	free   chan []byte
}

func newDirection(s *shaper, in io.Reader, out io.Writer) *direction {
	return &direction{
		shaper: s, in: in, out: out,
		queue: make(chan frame, queuedFrames), free: make(chan []byte, queuedFrames),
	}
}

func (d *direction) buffer() []byte {
	select {
	case buf := <-d.free:
		return buf
	default:
		return make([]byte, frameSize)
	}
}

func (d *direction) release(buf []byte) {
	select {
	case d.free <- buf:
	default:
	}
}

// Receive reads frames until in fails and closes the queue.
func (d *direction) receive() error {
	defer close(d.queue)
	for {
		buf := d.buffer()
		n, err := d.in.Read(buf)
		if err != nil {
			return fmt.Errorf("read link: %w", err)
		}
		due, ok := d.shaper.admit(time.Now(), n)
		if !ok {
			d.release(buf)
			continue
		}
		select {
		case d.queue <- frame{buf, n, due}:
		default:
			d.release(buf)
		}
	}
}

// deliver writes frames when they are due. A device that is down refuses frames
// (EIO); those are lost, as on a cable that is unplugged.
func (d *direction) deliver(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for f := range d.queue {
		if wait := time.Until(f.due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if _, err := d.out.Write(f.buf[:f.n]); errors.Is(err, os.ErrClosed) {
			return fmt.Errorf("write link: %w", err)
		}
		d.release(f.buf)
	}
	return nil
}

// joinDevices joins two devices, each a descriptor that reads and writes whole
// frames, until ctx ends or one of them fails. It closes both.
func joinDevices(ctx context.Context, shape lab.Shape, seed uint64, a, b io.ReadWriteCloser) error {
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() {
		_ = a.Close()
		_ = b.Close()
	})
	defer stop()
	for i, way := range [][2]io.ReadWriter{{a, b}, {b, a}} {
		d := newDirection(newShaper(shape, seed, uint64(i)), way[0], way[1])
		group.Go(d.receive)
		group.Go(func() error { return d.deliver(ctx) })
	}
	return group.Wait()
}
