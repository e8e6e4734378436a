// Package tun is the client's TUN device: whole IP packets from the kernel and whole IP packets
// back to it.
//
// [Open] creates the device and sets its MTU, nothing else: addresses, routes and "up" belong to
// client/osroute. Until the device is up a Read waits and a Write fails.
//
// One file per system opens the device (tun_linux.go, tun_darwin.go, tun_windows.go; tun_other.go
// says no). All of them hand a vendor device (golang.zx2c4.com/wireguard/tun) to the one [Device]
// of this file, which hides what the vendor demands of its callers: room for a header in front of
// each packet, buffers that it may overwrite and extend, at most BatchSize packets at once, and
// its own list of errors that do not mean the end.
package tun

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	wgtun "golang.zx2c4.com/wireguard/tun"

	"github.com/oneping/oneping/proto/packet"
)

const (
	// DefaultName is the device's name when none is given (Linux, Windows; macOS numbers its own
	// utun devices).
	DefaultName = "oneping0"
	// DefaultMTU is the MTU of the device in bytes.
	DefaultMTU = 1500
	// MinMTU and MaxMTU bound what Open accepts: the least IPv4 link (RFC 791) and the largest IP
	// packet.
	MinMTU, MaxMTU = 68, 65535
	// MaxPacket is the largest packet that Write and WriteOne accept, in bytes.
	MaxPacket = packet.MaxSize
)

// ErrPacketSize is returned by Write and WriteOne for an empty packet or one beyond MaxPacket.
var ErrPacketSize = errors.New("packet is empty or larger than 65535 bytes")

// Device is an open TUN device. Read is for one goroutine, Write and WriteOne may be called from
// any number of them, Close may be called at any time and more than once.
type Device struct {
	dev      wgtun.Device
	name     string
	mtu      int
	batch    int
	headroom int // bytes that the vendor wants in front of each packet it writes

	in      reader
	dropped atomic.Uint64
	single  sync.Pool
	many    batchWriter

	closeOnce sync.Once
	closeErr  error
}

// wrap makes a Device of the vendor's, which wants headroom bytes in front of each packet that it
// writes and readRoom bytes in front of each that it reads.
func wrap(dev wgtun.Device, mtu, headroom, readRoom int) (*Device, error) {
	name, err := dev.Name()
	if err != nil {
		return nil, fmt.Errorf("read name of TUN device: %w", err)
	}
	d := &Device{dev: dev, name: name, mtu: mtu, batch: max(1, dev.BatchSize()), headroom: headroom}
	d.in = reader{dev: dev, name: name, batch: d.batch, room: readRoom}
	d.single.New = func() any { return newPacketBuffer(headroom) }
	d.many = batchWriter{headroom: headroom, size: d.batch}
	return d, nil
}

// Name returns the name under which the system knows the device, e.g. "oneping0" or "utun4".
func (d *Device) Name() string { return d.name }

// MTU returns the MTU in bytes that the device was opened with.
func (d *Device) MTU() int { return d.mtu }

// BatchSize returns the largest number of packets that the system reads or writes in one go.
func (d *Device) BatchSize() int { return d.batch }

// Dropped counts packets from the kernel that Read could not hand over: larger
// than the buffer, or with malformed offload data.
func (d *Device) Dropped() uint64 { return d.dropped.Load() }

// Read waits for packets and puts one whole IP packet into each of bufs[0:n],
// from its first byte, with its length in sizes, which must be as long as bufs.
// The kernel's segmentation offload is undone here. Any number of buffers of MTU
// bytes will do; BatchSize buffers of MaxPacket bytes save a copy. A packet
// larger than its buffer or with malformed offload data is counted in Dropped; n
// may be 0 then. An error means that the device is gone: os.ErrClosed
// (errors.Is) after Close or when the device was deleted.
func (d *Device) Read(bufs [][]byte, sizes []int) (int, error) {
	if len(bufs) == 0 || len(sizes) < len(bufs) {
		return 0, fmt.Errorf("read TUN device: %d buffers and %d sizes", len(bufs), len(sizes))
	}
	n, lost, err := d.in.read(bufs, sizes)
	if lost > 0 {
		d.dropped.Add(uint64(lost))
	}
	return n, err
}

// WriteOne hands one whole IP packet to the kernel. It does not keep or change pkt, and does not
// allocate.
func (d *Device) WriteOne(pkt []byte) error {
	if len(pkt) == 0 || len(pkt) > MaxPacket {
		return ErrPacketSize
	}
	b := d.single.Get().(*packetBuffer)
	b.vec[0] = append(b.data[:d.headroom], pkt...)
	_, err := d.dev.Write(b.vec[:], d.headroom)
	d.single.Put(b)
	if err != nil {
		return fmt.Errorf("write TUN device %s: %w", d.name, err)
	}
	return nil
}

// Write hands whole IP packets to the kernel in their order. It does not keep or change them.
// Segments of one TCP flow that follow each other may reach the kernel as one super-packet, which
// it takes apart again; nothing else is merged. Every packet is tried; the error joins those of
// the packets that failed.
func (d *Device) Write(pkts [][]byte) error {
	if len(pkts) == 1 {
		return d.WriteOne(pkts[0])
	}
	var errs error
	for len(pkts) > 0 {
		n := min(len(pkts), d.batch)
		if err := d.many.write(d.dev, pkts[:n]); err != nil {
			errs = errors.Join(errs, err)
		}
		pkts = pkts[n:]
	}
	if errs != nil {
		return fmt.Errorf("write TUN device %s: %w", d.name, errs)
	}
	return nil
}

// Close removes the device and frees a Read that waits, which then returns os.ErrClosed.
func (d *Device) Close() error {
	d.closeOnce.Do(func() { d.closeErr = d.dev.Close() })
	return d.closeErr
}
