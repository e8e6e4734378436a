package tun

import (
	"errors"
	"fmt"
	"os"

	wgtun "golang.zx2c4.com/wireguard/tun"
)

// reader turns the vendor's Read into one that any buffers are good enough for.
//
// The vendor splits the kernel's super-packets into the caller's buffers without looking at their
// size, returns as many packets as it made of one, and on some systems wants room for a header.
// So it reads straight into the caller's buffers only if those are of full size and enough; else
// into rows of our own, from which packets are copied, over several calls where they are more
// than the caller has buffers.
type reader struct {
	dev   wgtun.Device
	name  string
	batch int
	room  int

	rows    [][]byte // batch rows of room+MaxPacket bytes, made when first needed
	sizes   []int
	next, n int // rows[next:n] wait to be handed over
}

// read returns packets in bufs, or none and how many were lost on the way; an error means that
// the device is gone.
func (r *reader) read(bufs [][]byte, sizes []int) (n, lost int, err error) {
	for n == 0 && lost == 0 && err == nil {
		switch {
		case r.next < r.n:
			n, lost = r.handOver(bufs, sizes)
		case r.direct(bufs):
			n, lost, err = r.fill(bufs[:r.batch], sizes)
		default:
			r.next, r.n = 0, 0
			r.makeRows()
			r.n, lost, err = r.fill(r.rows, r.sizes)
		}
	}
	repairChecksums(bufs[:n], sizes)
	return n, lost, err
}

// direct reports whether the vendor may read into bufs.
func (r *reader) direct(bufs [][]byte) bool {
	if r.room > 0 || len(bufs) < r.batch {
		return false
	}
	for _, b := range bufs[:r.batch] {
		if len(b) < MaxPacket {
			return false
		}
	}
	return true
}

func (r *reader) makeRows() {
	if r.rows != nil {
		return
	}
	r.rows, r.sizes = make([][]byte, r.batch), make([]int, r.batch)
	for i := range r.rows {
		r.rows[i] = make([]byte, r.room+MaxPacket)
	}
}

// handOver copies waiting rows to bufs; a packet larger than its buffer is lost.
func (r *reader) handOver(bufs [][]byte, sizes []int) (n, lost int) {
	for ; r.next < r.n && n < len(bufs); r.next++ {
		pkt := r.rows[r.next][r.room:][:r.sizes[r.next]]
		if len(pkt) > len(bufs[n]) {
			lost++
			continue
		}
		sizes[n] = copy(bufs[n], pkt)
		n++
	}
	return n, lost
}

// fill asks the vendor once and tells the loss of a packet from the loss of the device. The
// vendor reports both as plain errors; what the system itself said is an errno (in an
// *os.PathError) or os.ErrClosed, all the rest is about one packet.
func (r *reader) fill(bufs [][]byte, sizes []int) (n, lost int, err error) {
	n, err = r.dev.Read(bufs, sizes, r.room)
	var path *os.PathError
	switch {
	case err == nil:
		return n, 0, nil
	case errors.Is(err, wgtun.ErrTooManySegments):
		// All buffers hold a segment by now, although the vendor counts one less; the rest of the
		// packet is lost.
		return len(bufs), 1, nil
	case errors.Is(err, os.ErrClosed), errors.As(err, &path), fatalRead(err):
		return 0, 0, fmt.Errorf("read TUN device %s: %w", r.name, err)
	}
	return 0, 1, nil
}
