package tun

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
)

// readUntil reads packets until take says that it has enough.
func readUntil(t *testing.T, d *Device, take func(pkt []byte) bool) {
	t.Helper()
	bufs, sizes := buffers(d.BatchSize(), 2048)
	stop := time.AfterFunc(20*time.Second, func() { _ = d.Close() })
	defer stop.Stop()
	for {
		n, err := d.Read(bufs, sizes)
		must(t, err)
		for i := range n {
			if take(bufs[i][:sizes[i]]) {
				return
			}
		}
	}
}

func sum16(b []byte, sum uint32) uint16 {
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// goodChecksums verifies the IPv4 header and the TCP or UDP checksum of an unfragmented packet.
func goodChecksums(p []byte) error {
	var upper, addrs []byte
	var proto byte
	if p[0]>>4 == 4 {
		if int(binary.BigEndian.Uint16(p[2:])) != len(p) {
			return fmt.Errorf("total length %d of %d bytes", binary.BigEndian.Uint16(p[2:]), len(p))
		}
		if sum16(p[:20], 0) != 0xffff {
			return errors.New("IPv4 header checksum")
		}
		addrs, upper, proto = p[12:20], p[20:], p[9]
	} else {
		if int(binary.BigEndian.Uint16(p[4:])) != len(p)-40 {
			return fmt.Errorf("payload length %d of %d bytes", binary.BigEndian.Uint16(p[4:]), len(p)-40)
		}
		addrs, upper, proto = p[8:40], p[40:], p[6]
	}
	if proto != protoTCP && proto != protoUDP {
		return nil
	}
	pseudo := uint32(sum16(addrs, 0)) + uint32(proto) + uint32(len(upper))
	if sum16(upper, pseudo) != 0xffff {
		return fmt.Errorf("checksum of protocol %d", proto)
	}
	return nil
}

// TestKernelLargestEcho sends what `ping -s 65507` sends: it is read as 45 fragments, and the
// echo reply of 65,535 bytes, written as one packet into the device of MTU 1500, arrives whole.
func TestKernelLargestEcho(t *testing.T) {
	if !namespaced(t) {
		return
	}
	d := openUp(t, "", 0, "10.77.0.1")
	conn, err := net.Dial("ip4:icmp", "10.77.0.2")
	must(t, err)
	defer conn.Close()
	echo := make([]byte, 8+65507)
	for i := range echo {
		echo[i] = byte(i * 7)
	}
	copy(echo, []byte{8, 0, 0, 0, 0x12, 0x34, 0, 1})
	_, err = conn.Write(echo)
	must(t, err)

	got := make([]byte, 0, 65535)
	fragments := 0
	readUntil(t, d, func(p []byte) bool {
		if p[0]>>4 != 4 || p[9] != 1 {
			return false
		}
		if err := goodChecksums(p); err != nil {
			t.Error(err)
		}
		if off := int(binary.BigEndian.Uint16(p[6:])&0x1fff) * 8; off != len(got) {
			t.Errorf("fragment %d at offset %d, want %d", fragments, off, len(got))
		}
		got = append(got, p[20:]...)
		fragments++
		return p[6]&0x20 == 0
	})
	if fragments != 45 || !bytes.Equal(got, echo) {
		t.Errorf("read %d fragments and %d bytes, want 45 and the echo's %d", fragments, len(got), len(echo))
	}

	reply := append(make([]byte, 20), echo...)
	reply[20] = 0
	header4(reply, 1, "10.77.0.2", "10.77.0.1")
	for _, write := range []func() error{
		func() error { return d.WriteOne(reply) },
		func() error { return d.Write([][]byte{reply, reply}) },
	} {
		must(t, write())
		buf := make([]byte, 70000)
		must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		n, _, err := conn.(*net.IPConn).ReadFrom(buf)
		must(t, err)
		if !bytes.Equal(buf[:n], reply[20:]) {
			t.Errorf("got a reply of %d bytes, want %d and the same", n, len(reply)-20)
		}
	}
}

// header4 fills in the first 20 bytes of p.
func header4(p []byte, proto byte, src, dst string) {
	clear(p[:20])
	p[0], p[8], p[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	copy(p[12:], s[:])
	copy(p[16:], d[:])
	binary.BigEndian.PutUint16(p[10:], ^sum16(p[:20], 0))
}

func udpPacket(src, dst string, sport, dport uint16, payload []byte) []byte {
	p := append(make([]byte, 28), payload...)
	header4(p, protoUDP, src, dst)
	binary.BigEndian.PutUint16(p[20:], sport)
	binary.BigEndian.PutUint16(p[22:], dport)
	binary.BigEndian.PutUint16(p[24:], uint16(8+len(payload)))
	binary.BigEndian.PutUint16(p[26:], ^sum16(p[20:], uint32(sum16(p[12:20], 0))+protoUDP+uint32(8+len(payload))))
	return p
}

// TestKernelUDPOrder writes batches of UDP packets of one flow, with empty payloads among them,
// which must arrive as they were written.
func TestKernelUDPOrder(t *testing.T) {
	if !namespaced(t) {
		return
	}
	d := openUp(t, "", 0, "10.77.0.1")
	conn, err := net.ListenPacket("udp4", "10.77.0.1:5000")
	must(t, err)
	defer conn.Close()
	var pkts, want [][]byte
	for i := range 300 {
		payload := bytes.Repeat([]byte{byte(i)}, []int{1000, 1000, 0, 900, 1000, 1}[i%6])
		pkts, want = append(pkts, udpPacket("10.77.0.2", "10.77.0.1", 53, 5000, payload)), append(want, payload)
	}
	for i := 0; i < len(pkts); i += 50 {
		must(t, d.Write(pkts[i:i+50]))
		for j := i; j < i+50; j++ {
			buf := make([]byte, 2000)
			must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
			n, _, err := conn.ReadFrom(buf)
			must(t, err)
			if !bytes.Equal(buf[:n], want[j]) {
				t.Fatalf("packet %d has %d bytes of %v, want %d", j, n, buf[:min(n, 1)], len(want[j]))
			}
		}
	}
	bad := udpPacket("10.77.0.2", "10.77.0.1", 53, 5000, []byte("bad checksum"))
	bad[26] ^= 1
	must(t, d.Write([][]byte{bad, pkts[0]}))
	buf := make([]byte, 2000)
	must(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	n, _, err := conn.ReadFrom(buf)
	must(t, err)
	if !bytes.Equal(buf[:n], want[0]) {
		t.Errorf("a packet with a bad checksum was delivered: %q", buf[:n])
	}
}

// TestKernelSegments sends UDP with UDP_SEGMENT, which the device gets as one super-packet.
func TestKernelSegments(t *testing.T) {
	if !namespaced(t) {
		return
	}
	d := openUp(t, "", 0, "10.77.0.1", "fd77::1")
	for _, network := range []struct{ name, dst string }{{"udp4", "10.77.0.2:53"}, {"udp6", "[fd77::2]:53"}} {
		conn, err := net.Dial(network.name, network.dst)
		must(t, err)
		defer conn.Close()
		raw, err := conn.(*net.UDPConn).SyscallConn()
		must(t, err)
		must(t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, 700) }))
		must(t, err)
		data := make([]byte, 20*700+300)
		for i := range data {
			data[i] = byte(i * 13)
		}
		_, err = conn.Write(data)
		must(t, err)
		var got []byte
		count := 0
		readUntil(t, d, func(p []byte) bool {
			head := 28
			if p[0]>>4 == 6 {
				head = 48
			}
			if p[0]>>4 == 4 && p[9] != protoUDP || p[0]>>4 == 6 && p[6] != protoUDP {
				return false
			}
			if err := goodChecksums(p); err != nil {
				t.Error(err)
			}
			got = append(got, p[head:]...)
			count++
			return len(p)-head < 700
		})
		if count != 21 || !bytes.Equal(got, data) {
			t.Errorf("%s: %d packets, %d bytes, want 21 and %d", network.name, count, len(got), len(data))
		}
	}
}

// TestKernelTCP joins two namespaces by two devices and moves bulk both ways at once, IPv4 and
// IPv6. Each packet read must be at most the MTU and have correct checksums, each byte must
// arrive.
func TestKernelTCP(t *testing.T) {
	if !namespaced(t) {
		return
	}
	a := openUp(t, "left0", 1400, "10.77.0.1", "fd77::1")
	var b *Device
	listeners := make([]net.Listener, 2)
	elsewhere(t, func() {
		b = openUp(t, "right0", 1400, "10.77.0.2", "fd77::2")
		for i, addr := range []string{"10.77.0.2:80", "[fd77::2]:80"} {
			l, err := net.Listen("tcp", addr)
			must(t, err)
			t.Cleanup(func() { _ = l.Close() })
			listeners[i] = l
		}
	})
	if t.Failed() {
		return
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { pump(t, a, b) })
	pumps.Go(func() { pump(t, b, a) })
	var flows sync.WaitGroup
	for _, l := range listeners {
		flows.Go(func() { exchange(t, func() (net.Conn, error) { return l.Accept() }) })
		flows.Go(func() {
			exchange(t, func() (net.Conn, error) {
				dialer := net.Dialer{Timeout: 10 * time.Second}
				return dialer.DialContext(context.Background(), "tcp", l.Addr().String())
			})
		})
	}
	flows.Wait()
	must(t, a.Close())
	must(t, b.Close())
	pumps.Wait()
	if a.Dropped()+b.Dropped() != 0 {
		t.Errorf("dropped %d and %d packets", a.Dropped(), b.Dropped())
	}
}

// elsewhere runs f in a new network namespace. Go's sockets remember theirs, so they may be used
// anywhere afterwards.
func elsewhere(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// pump carries batches from one device to the other until it is closed.
func pump(t *testing.T, from, to *Device) {
	bufs, sizes := buffers(from.BatchSize(), MaxPacket)
	pkts := make([][]byte, 0, len(bufs))
	for {
		n, err := from.Read(bufs, sizes)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
			return
		}
		pkts = pkts[:0]
		for i := range n {
			p := bufs[i][:sizes[i]]
			if len(p) > 1400 {
				t.Errorf("read a packet of %d bytes off a device of MTU 1400", len(p))
			}
			if err := goodChecksums(p); err != nil {
				t.Error(err)
			}
			pkts = append(pkts, p)
		}
		if err := to.Write(pkts); err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
	}
}

// exchange sends 8 MiB from a seed and checks that it receives the same from the other side.
func exchange(t *testing.T, connect func() (net.Conn, error)) {
	conn, err := connect()
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	const size = 8 << 20
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	source := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }
	var sending sync.WaitGroup
	sending.Go(func() {
		if _, err := io.Copy(conn, source()); err != nil {
			t.Error(err)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
	})
	want, got := sha256.New(), sha256.New()
	_, _ = io.Copy(want, source())
	if n, err := io.Copy(got, conn); err != nil || n != size {
		t.Errorf("received %d bytes, %v", n, err)
	}
	if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Error("received other bytes than were sent")
	}
	sending.Wait()
}

func TestKernelOpenAndClose(t *testing.T) {
	if !namespaced(t) {
		return
	}
	d, err := Open("", 1280)
	must(t, err)
	ifi, err := net.InterfaceByName("oneping0")
	must(t, err)
	if ifi.MTU != 1280 || d.MTU() != 1280 || d.Name() != "oneping0" || d.BatchSize() != 128 {
		t.Errorf("kernel's MTU %d; MTU, Name, BatchSize = %d, %s, %d", ifi.MTU, d.MTU(), d.Name(), d.BatchSize())
	}
	if err := d.WriteOne(udpPacket("10.0.0.1", "10.0.0.2", 1, 2, nil)); !errors.Is(err, syscall.EIO) {
		t.Errorf("WriteOne while down = %v, want EIO", err)
	}
	_, err = Open("", 0)
	if !errors.Is(err, syscall.EBUSY) || !strings.Contains(advice.Of(err), "--tun") {
		t.Errorf("second Open = %v, want EBUSY and a hint", err)
	}
	if _, err := Open("lo", 0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Open of lo = %v, want EINVAL", err)
	}
	ended := make(chan error, 1)
	go func() {
		bufs, sizes := buffers(1, 2048)
		for {
			if _, err := d.Read(bufs, sizes); err != nil {
				ended <- err
				return
			}
		}
	}()
	setUp(t, "oneping0")
	must(t, d.Close())
	must(t, d.Close())
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read ended with %v, want os.ErrClosed", err)
	}
	if _, err := net.InterfaceByName("oneping0"); err == nil {
		t.Error("the device is still there after Close")
	}
	if err := d.WriteOne(make([]byte, 20)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("WriteOne after Close = %v, want os.ErrClosed", err)
	}
}
