package tun

import (
	"sync"

	wgtun "golang.zx2c4.com/wireguard/tun"
)

const (
	protoTCP = 6
	protoUDP = 17
)

// packetBuffer holds one packet with the vendor's headroom in front; vec keeps the slice of
// slices off the heap.
type packetBuffer struct {
	data []byte
	vec  [1][]byte
}

func newPacketBuffer(headroom int) *packetBuffer {
	return &packetBuffer{data: make([]byte, headroom+MaxPacket)}
}

// batchWriter copies packets into buffers that the vendor may overwrite and extend.
//
// The vendor merges packets of a flow when the first one's buffer has room behind it. For TCP
// that saves most of the writes of a bulk transfer and is invisible to the application. For UDP
// it would change the order (an empty payload or a fragment overtakes what was merged behind it),
// the IP ids and what a capture on the device shows, so a packet that is not TCP gets a buffer
// without a byte to spare.
type batchWriter struct {
	headroom int
	size     int

	// mu guards what follows.
	mu    sync.Mutex
	slots [][]byte // size buffers of headroom+MaxPacket bytes, made when first needed
	vec   [][]byte
}

func (w *batchWriter) write(dev wgtun.Device, pkts [][]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slots == nil {
		w.slots = make([][]byte, w.size)
		w.vec = make([][]byte, 0, w.size)
	}
	var bad error
	w.vec = w.vec[:0]
	for i, pkt := range pkts {
		if len(pkt) == 0 || len(pkt) > MaxPacket {
			bad = ErrPacketSize
			continue
		}
		w.vec = append(w.vec, w.copyTo(i, pkt))
	}
	if len(w.vec) == 0 {
		return bad
	}
	if _, err := dev.Write(w.vec, w.headroom); err != nil {
		return err
	}
	return bad
}

// copyTo copies pkt into slot i behind the headroom. Only a TCP packet keeps the rest of the slot
// as capacity.
func (w *batchWriter) copyTo(i int, pkt []byte) []byte {
	if w.slots[i] == nil {
		w.slots[i] = make([]byte, w.headroom+MaxPacket)
	}
	b := append(w.slots[i][:w.headroom], pkt...)
	if !isTCP(pkt) {
		return b[:len(b):len(b)]
	}
	return b
}

// isTCP tells whether pkt is a TCP packet without IP options or extension headers, the only kind
// that is ever merged.
func isTCP(pkt []byte) bool {
	switch {
	case len(pkt) >= 40 && pkt[0]>>4 == 4:
		return pkt[9] == protoTCP
	case len(pkt) >= 60 && pkt[0]>>4 == 6:
		return pkt[6] == protoTCP
	}
	return false
}

// repairChecksums replaces the UDP checksum 0 by 0xffff in IPv6 packets. Where the kernel leaves
// the checksum to the reader, the vendor computes it without that last step, and 0 means "no
// checksum", which IPv6 forbids (RFC 8200 §8.1).
func repairChecksums(bufs [][]byte, sizes []int) {
	for i, b := range bufs {
		b = b[:sizes[i]]
		if len(b) >= 48 && b[0]>>4 == 6 && b[6] == protoUDP && b[46] == 0 && b[47] == 0 {
			b[46], b[47] = 0xff, 0xff
		}
	}
}
