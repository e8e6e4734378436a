package tun

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	wgtun "golang.zx2c4.com/wireguard/tun"

	"github.com/oneping/oneping/internal/advice"
)

// fakeVendor behaves like the vendor's devices: it wants offset bytes of room, overwrites them,
// and merges a packet into the one before it where that one's buffer has capacity.
type fakeVendor struct {
	batch   int
	room    int
	reads   []fakeRead
	wrote   [][]byte
	caps    []int // spare capacity behind each packet written
	failing error
	events  chan wgtun.Event
	closed  int
}

type fakeRead struct {
	pkts [][]byte
	n    int // when not 0: the count returned instead of len(pkts)
	err  error
}

func (f *fakeVendor) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	if offset != f.room {
		return 0, errors.New("wrong offset")
	}
	if len(f.reads) == 0 {
		return 0, os.ErrClosed
	}
	r := f.reads[0]
	f.reads = f.reads[1:]
	for i, p := range r.pkts {
		sizes[i] = copy(bufs[i][offset:], p)
	}
	if r.n != 0 {
		return r.n, r.err
	}
	return len(r.pkts), r.err
}

func (f *fakeVendor) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		f.wrote = append(f.wrote, bytes.Clone(b[offset:]))
		f.caps = append(f.caps, cap(b)-len(b))
		for i := range b {
			b[i] = 0xee
		}
	}
	return len(bufs), f.failing
}

func (f *fakeVendor) File() *os.File             { return nil }
func (f *fakeVendor) MTU() (int, error)          { return 1500, nil }
func (f *fakeVendor) Name() (string, error)      { return "fake0", nil }
func (f *fakeVendor) Events() <-chan wgtun.Event { return f.events }
func (f *fakeVendor) BatchSize() int             { return f.batch }

func (f *fakeVendor) Close() error {
	f.closed++
	if f.events != nil {
		f.events <- wgtun.EventDown
		f.events <- wgtun.EventMTUUpdate
		close(f.events)
	}
	return nil
}

func newFake(t *testing.T, f *fakeVendor) *Device {
	t.Helper()
	d, err := wrap(f, 1500, 10, f.room)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func buffers(n, size int) ([][]byte, []int) {
	bufs := make([][]byte, n)
	for i := range bufs {
		bufs[i] = make([]byte, size)
	}
	return bufs, make([]int, n)
}

// readAll reads until the device is gone.
func readAll(t *testing.T, d *Device, n, size int) [][]byte {
	t.Helper()
	var got [][]byte
	bufs, sizes := buffers(n, size)
	for {
		k, err := d.Read(bufs, sizes)
		for i := range k {
			got = append(got, bytes.Clone(bufs[i][:sizes[i]]))
		}
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("Read ended with %v, want os.ErrClosed", err)
			}
			return got
		}
	}
}

func TestRead(t *testing.T) {
	a, b, c := []byte("alpha"), []byte("bravo!"), []byte("charlie")
	long := bytes.Repeat([]byte{7}, 200)
	for _, tc := range []struct {
		name    string
		room    int
		bufs    int
		size    int
		reads   []fakeRead
		want    [][]byte
		dropped uint64
	}{
		{"straight", 0, 4, MaxPacket, []fakeRead{{pkts: [][]byte{a, b}}, {pkts: [][]byte{c}}}, [][]byte{a, b, c}, 0},
		{"small buffers", 0, 4, 100, []fakeRead{{pkts: [][]byte{a, long, b}}}, [][]byte{a, b}, 1},
		{"fewer buffers than packets", 0, 1, 100, []fakeRead{{pkts: [][]byte{a, b, c}}, {pkts: [][]byte{c}}}, [][]byte{a, b, c, c}, 0},
		{"room for a header", 4, 2, MaxPacket, []fakeRead{{pkts: [][]byte{a}}, {pkts: [][]byte{b}}}, [][]byte{a, b}, 0},
		{"malformed offload data", 0, 4, MaxPacket, []fakeRead{{err: errors.New("unsupported virtio GSO type: 9")}, {pkts: [][]byte{a}}}, [][]byte{a}, 1},
		{"too many segments", 0, 2, MaxPacket, []fakeRead{{pkts: [][]byte{a, b}, n: 1, err: wgtun.ErrTooManySegments}}, [][]byte{a, b}, 1},
		{"nothing", 0, 2, MaxPacket, []fakeRead{{}, {pkts: [][]byte{a}}}, [][]byte{a}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			batch := max(tc.bufs, 3)
			if tc.size == MaxPacket {
				batch = tc.bufs
			}
			d := newFake(t, &fakeVendor{batch: batch, room: tc.room, reads: tc.reads})
			if diff := cmp.Diff(tc.want, readAll(t, d, tc.bufs, tc.size)); diff != "" {
				t.Errorf("packets (-want +got):\n%s", diff)
			}
			if d.Dropped() != tc.dropped {
				t.Errorf("Dropped() = %d, want %d", d.Dropped(), tc.dropped)
			}
		})
	}
}

// Whoever counts what is lost hears of it at once, not with the next packet that is whole.
func TestReadReturnsAfterALoss(t *testing.T) {
	d := newFake(t, &fakeVendor{batch: 1, reads: []fakeRead{{err: errors.New("unsupported virtio GSO type: 9")}, {pkts: [][]byte{{1}}}}})
	bufs, sizes := buffers(1, MaxPacket)
	if n, err := d.Read(bufs, sizes); n != 0 || err != nil || d.Dropped() != 1 {
		t.Errorf("Read = %d, %v with %d dropped, want 0 with 1", n, err, d.Dropped())
	}
	if n, err := d.Read(bufs, sizes); n != 1 || err != nil {
		t.Errorf("next Read = %d, %v", n, err)
	}
}

func TestReadErrors(t *testing.T) {
	gone := &os.PathError{Op: "read", Path: "/dev/net/tun", Err: syscall.EIO}
	d := newFake(t, &fakeVendor{batch: 1, reads: []fakeRead{{err: gone}}})
	bufs, sizes := buffers(1, 100)
	if _, err := d.Read(bufs, sizes); !errors.Is(err, syscall.EIO) {
		t.Errorf("Read = %v, want EIO: what the system says is final", err)
	}
	if _, err := d.Read(nil, nil); err == nil {
		t.Error("Read without buffers succeeded")
	}
	if _, err := d.Read(bufs, nil); err == nil {
		t.Error("Read without sizes succeeded")
	}
}

// tcp4 and udp4 build just enough of a header to be classified.
func tcp4(n int) []byte { return ip4(protoTCP, n) }
func udp4(n int) []byte { return ip4(protoUDP, n) }

func ip4(proto byte, n int) []byte {
	p := bytes.Repeat([]byte{byte(n)}, n)
	p[0], p[9] = 0x45, proto
	return p
}

func TestWrite(t *testing.T) {
	pkts := [][]byte{tcp4(60), udp4(61), udp4(28), tcp4(1500), ip4(1, 84), udp4(MaxPacket)}
	before := make([][]byte, len(pkts))
	for i, p := range pkts {
		before[i] = bytes.Clone(p)
	}
	f := &fakeVendor{batch: 4}
	d := newFake(t, f)
	for range 2 {
		f.wrote, f.caps = nil, nil
		if err := d.Write(pkts); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, f.wrote); diff != "" {
			t.Fatalf("packets reached the vendor changed (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, pkts); diff != "" {
			t.Fatalf("the caller's packets were changed (-want +got):\n%s", diff)
		}
		// Only TCP may be merged, so only TCP has room behind it.
		want := []int{MaxPacket - 60, 0, 0, MaxPacket - 1500, 0, 0}
		if diff := cmp.Diff(want, f.caps); diff != "" {
			t.Fatalf("spare capacity (-want +got):\n%s", diff)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	f := &fakeVendor{batch: 4}
	d := newFake(t, f)
	huge := make([]byte, MaxPacket+1)
	for _, p := range [][]byte{nil, {}, huge} {
		if err := d.WriteOne(p); !errors.Is(err, ErrPacketSize) {
			t.Errorf("WriteOne of %d bytes = %v", len(p), err)
		}
	}
	good := udp4(40)
	if err := d.Write([][]byte{nil, good, huge}); !errors.Is(err, ErrPacketSize) {
		t.Errorf("Write with bad packets = %v", err)
	}
	if diff := cmp.Diff([][]byte{good}, f.wrote); diff != "" {
		t.Errorf("the good packet must still be written (-want +got):\n%s", diff)
	}
	f.failing = syscall.EIO
	if err := d.WriteOne(good); !errors.Is(err, syscall.EIO) {
		t.Errorf("WriteOne = %v, want EIO", err)
	}
	if err := d.Write([][]byte{good, good}); !errors.Is(err, syscall.EIO) {
		t.Errorf("Write = %v, want EIO", err)
	}
	if err := d.Write(nil); err != nil {
		t.Errorf("Write of nothing = %v", err)
	}
}

// discard is a vendor device that keeps nothing, for the allocation test.
type discard struct{ fakeVendor }

func (*discard) Write(bufs [][]byte, _ int) (int, error) { return len(bufs), nil }

func TestWriteDoesNotAllocate(t *testing.T) {
	d, err := wrap(&discard{fakeVendor{batch: 4}}, 1500, 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	pkt, batch := udp4(1500), [][]byte{tcp4(1500), udp4(100)}
	if n := testing.AllocsPerRun(1000, func() { _ = d.WriteOne(pkt) }); n != 0 {
		t.Errorf("WriteOne allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = d.Write(batch) }); n != 0 {
		t.Errorf("Write allocates %v times", n)
	}
}

func TestRepairChecksums(t *testing.T) {
	six := make([]byte, 50)
	six[0], six[6] = 0x60, protoUDP
	four := udp4(50)
	four[26], four[27] = 0, 0
	bufs := [][]byte{bytes.Clone(six), bytes.Clone(four), bytes.Clone(six[:47])}
	repairChecksums(bufs, []int{50, 50, 47})
	six[46], six[47] = 0xff, 0xff
	want := [][]byte{six, four, make([]byte, 47)}
	want[2][0], want[2][6] = 0x60, protoUDP
	if diff := cmp.Diff(want, bufs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDrainedCloseJoins(t *testing.T) {
	f := &fakeVendor{batch: 1, room: 4, events: make(chan wgtun.Event)}
	d, err := wrapDrained(f, 1500, 4)
	if err != nil {
		t.Fatal(err)
	}
	f.events <- wgtun.EventUp
	if err := errors.Join(d.Close(), d.Close()); err != nil || f.closed != 1 {
		t.Errorf("Close twice = %v, closed the vendor's %d times", err, f.closed)
	}
	if d.Name() != "fake0" || d.MTU() != 1500 || d.BatchSize() != 1 {
		t.Errorf("Name, MTU, BatchSize = %s, %d, %d", d.Name(), d.MTU(), d.BatchSize())
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{"": "oneping0", "tun-7.x": "tun-7.x", "fifteen-letters": "fifteen-letters"} {
		if got, err := checkName(name, 15); got != want || err != nil {
			t.Errorf("checkName(%q) = %q, %v", name, got, err)
		}
	}
	for _, name := range []string{".", "..", "a b", "a/b", "a:b", "tun%d", "sixteen-letters-"} {
		if got, err := checkName(name, 15); err == nil {
			t.Errorf("checkName(%q) = %q, want an error", name, got)
		}
	}
	for name, want := range map[string]string{"": "utun", "utun": "utun", "oneping0": "utun", "utun7": "utun7"} {
		if got, err := darwinName(name); got != want || err != nil {
			t.Errorf("darwinName(%q) = %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"tun0", "utun-1", "utun07", "utun99999", "utunx"} {
		if got, err := darwinName(name); err == nil {
			t.Errorf("darwinName(%q) = %q, want an error", name, got)
		}
	}
}

func TestMTU(t *testing.T) {
	for mtu, want := range map[int]int{0: 1500, 68: 68, 1280: 1280, 65535: 65535} {
		if got, err := checkMTU(mtu); got != want || err != nil {
			t.Errorf("checkMTU(%d) = %d, %v", mtu, got, err)
		}
	}
	for _, mtu := range []int{-1, 67, 65536} {
		if _, err := checkMTU(mtu); err == nil {
			t.Errorf("checkMTU(%d) succeeded", mtu)
		}
	}
}

func TestHints(t *testing.T) {
	documented := []string{
		linuxHint(linuxENOENT, "x"), linuxHint(linuxENODEV, "x"), linuxHint(linuxENXIO, "x"), linuxHint(linuxEACCES, "x"),
		linuxHint(linuxEPERM, "x"), linuxHint(linuxEBUSY, "x"), linuxHint(linuxEINVAL, "x"), linuxHint(linuxEMFILE, "x"),
		darwinHint(darwinEPERM, "x"), darwinHint(darwinENOENT, "x"), darwinHint(darwinEBUSY, "x"),
		windowsHint(windowsAccessDenied), windowsHint(windowsBadExe), windowsHint(windowsModNotFound),
		windowsHint(windowsObjectExists), windowsHint(windowsAlreadyExists), windowsHint(windowsNotFound),
	}
	if slices.Contains(documented, "") {
		t.Errorf("a documented error has no hint: %q", documented)
	}
	if got := linuxHint(0, "x") + darwinHint(0, "x") + windowsHint(0); got != "" {
		t.Errorf("unknown errors have the hint %q", got)
	}
	err := openError("oneping0", syscall.EPERM, "try this")
	if !errors.Is(err, syscall.EPERM) || err.Error() != "open TUN device oneping0: operation not permitted" {
		t.Errorf("openError = %v", err)
	}
	if advice.Of(err) != "try this" {
		t.Errorf("no hint in %v", err)
	}
}

func BenchmarkWriteOne(b *testing.B) {
	d, err := wrap(&discard{fakeVendor{batch: 4}}, 1500, 10, 0)
	if err != nil {
		b.Fatal(err)
	}
	pkt := udp4(1400)
	b.ReportAllocs()
	for b.Loop() {
		_ = d.WriteOne(pkt)
	}
}
