package holder

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/lab"
)

// wire is one end of a link in memory: frames are kept whole.
type wire struct {
	in     chan []byte
	once   sync.Once
	closed chan struct{}

	mu  sync.Mutex
	got []arrival
}

type arrival struct {
	number uint32
	at     time.Duration
}

func newWire() *wire { return &wire{in: make(chan []byte, 8192), closed: make(chan struct{})} }

func (w *wire) Read(p []byte) (int, error) {
	select {
	case f := <-w.in:
		return copy(p, f), nil
	case <-w.closed:
		return 0, io.ErrClosedPipe
	}
}

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// recorder is a wire that notes what is written to it.
type recorder struct {
	*wire
	begin time.Time
}

func (r recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, arrival{binary.BigEndian.Uint32(p), time.Since(r.begin)})
	return len(p), nil
}

func numberedFrame(n uint32, size int) []byte {
	f := make([]byte, size)
	binary.BigEndian.PutUint32(f, n)
	return f
}

// Send passes frames through a link at one moment and returns what arrives.
func send(t *testing.T, shape lab.Shape, seed uint64, count, size int) (got []arrival) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := newWire(), newWire()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		begin := time.Now()
		go func() { done <- joinDevices(ctx, shape, seed, recorder{a, begin}, recorder{b, begin}) }()
		for i := range count {
			a.in <- numberedFrame(uint32(i), size)
		}
		time.Sleep(time.Hour)
		cancel()
		if err := <-done; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("joinDevices = %v, want the reason why it ended", err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		got = b.got
	})
	return got
}

func TestDelay(t *testing.T) {
	got := send(t, lab.Shape{Delay: 20 * time.Millisecond}, 1, 3, 100)
	if len(got) != 3 {
		t.Fatalf("%d frames arrived, want 3", len(got))
	}
	for i, f := range got {
		if f != (arrival{uint32(i), 20 * time.Millisecond}) {
			t.Errorf("frame %d: %+v", i, f)
		}
	}
}

func TestJitterKeepsOrder(t *testing.T) {
	const delay, jitter = 20 * time.Millisecond, 15 * time.Millisecond
	got := send(t, lab.Shape{Delay: delay, Jitter: jitter}, 1, 500, 100)
	if len(got) != 500 {
		t.Fatalf("%d frames arrived, want 500", len(got))
	}
	for i, f := range got {
		if f.number != uint32(i) || f.at < delay-jitter || f.at > delay+jitter {
			t.Fatalf("frame %d: %+v", i, f)
		}
	}
	if got[0].at == got[499].at {
		t.Error("no frame was later than another")
	}
}

func TestLossIsRepeatable(t *testing.T) {
	shape := lab.Shape{Loss: 0.1}
	first, second, other := send(t, shape, 7, 4000, 60), send(t, shape, 7, 4000, 60), send(t, shape, 8, 4000, 60)
	if n := len(first); n < 3500 || n > 3700 {
		t.Errorf("%d of 4000 frames arrived with 10 %% loss", n)
	}
	same := func(a, b []arrival) bool {
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if a[i].number != b[i].number {
				return false
			}
		}
		return true
	}
	if !same(first, second) {
		t.Error("one seed gave two results")
	}
	if same(first, other) {
		t.Error("two seeds gave one result")
	}
	if lost := send(t, lab.Shape{Loss: 1}, 1, 100, 60); len(lost) != 0 {
		t.Errorf("%d frames arrived with 100 %% loss", len(lost))
	}
}

// TestRate: 1250 bytes at 1 Mbit/s take 10 ms each; what would wait for more
// than 200 ms is dropped.
func TestRate(t *testing.T) {
	got := send(t, lab.Shape{Rate: 1e6}, 1, 100, 1250)
	if len(got) != 21 {
		t.Fatalf("%d frames arrived, want 21", len(got))
	}
	for i, f := range got {
		if want := time.Duration(i+1) * 10 * time.Millisecond; f.number != uint32(i) || f.at != want {
			t.Errorf("frame %d: %+v, want %v", i, f, want)
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	got := send(t, lab.Shape{Delay: time.Second}, 1, 8000, 60)
	// One more is in the hands of the writer.
	if n := len(got); n != queuedFrames && n != queuedFrames+1 {
		t.Errorf("%d of 8000 frames arrived, want %d", n, queuedFrames)
	}
}

func TestLinkEndsWithADevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newWire(), newWire()
		_ = b.Close()
		err := joinDevices(t.Context(), lab.Shape{}, 1, recorder{a, time.Now()}, recorder{b, time.Now()})
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("joinDevices = %v, want the device's error", err)
		}
	})
}

func BenchmarkAdmit(b *testing.B) {
	s := newShaper(lab.Shape{Delay: time.Millisecond, Jitter: time.Microsecond, Loss: 0.01, Rate: 1e9}, 1, 0)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		s.admit(now, 1500)
	}
}

func TestAdmitDoesNotAllocate(t *testing.T) {
	s := newShaper(lab.Shape{Delay: time.Millisecond, Jitter: time.Microsecond, Loss: 0.01, Rate: 1e9}, 1, 0)
	now := time.Now()
	if n := testing.AllocsPerRun(1000, func() { s.admit(now, 1500) }); n != 0 {
		t.Errorf("admit allocates %v times a frame", n)
	}
}
