package netstack

import (
	"sync"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/oneping/oneping/proto/packet"
)

const (
	queueLen = 1024 // packets between gVisor and the writer; full = gVisor waits
	maxBatch = 64   // packets handed to the host in one go
)

// device is gVisor's network interface: packets for the host go through a
// queue to one writer, which hands them over in batches, so that the host can
// merge the segments of a flow again.
type device struct {
	*channel.Endpoint // everything but the way out

	ttl   func(pkt []byte) // sets the TTL of a SYN-ACK
	queue chan *[]byte
	done  chan struct{}
	pool  sync.Pool
}

func newDevice(mtu int, ttl func([]byte)) *device {
	d := &device{
		Endpoint: channel.New(1, uint32(mtu), ""),
		ttl:      ttl,
		queue:    make(chan *[]byte, queueLen),
		done:     make(chan struct{}),
	}
	d.SupportedGSOKind = stack.GVisorGSOSupported // build large segments, cut them once
	// The host's kernel has made or checked the checksums of what it hands over.
	d.LinkEPCapabilities = stack.CapabilityRXChecksumOffload
	d.pool.New = func() any { b := make([]byte, 0, mtu); return &b }
	return d
}

// WritePackets implements stack.LinkWriter. It waits for room: dropping here would be loss on a
// path that has none.
func (d *device) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	n := 0
	for _, pkt := range list.AsSlice() {
		n++
		if pkt.TransportProtocolNumber != header.TCPProtocolNumber {
			continue // router solicitations and the like: not for the host
		}
		b := d.pool.Get().(*[]byte)
		*b = appendPacket((*b)[:0], pkt)
		if th := pkt.TransportHeader().Slice(); len(th) > 13 && th[13]&packet.FlagSYN != 0 {
			d.ttl(*b)
		}
		select {
		case d.queue <- b:
		case <-d.done:
			d.pool.Put(b)
			return n, &tcpip.ErrClosedForSend{}
		}
	}
	return n, nil
}

func appendPacket(b []byte, pkt *stack.PacketBuffer) []byte {
	views, skip := pkt.AsViewList()
	for v := views.Front(); v != nil; v = v.Next() {
		s := v.AsSlice()
		if skip >= len(s) {
			skip -= len(s)
			continue
		}
		b = append(b, s[skip:]...)
		skip = 0
	}
	return b
}

// inject hands a packet of the host to gVisor; it is copied.
func (d *device) inject(pkt []byte) {
	proto := header.IPv4ProtocolNumber
	if len(pkt) > 0 && pkt[0]>>4 == 6 {
		proto = header.IPv6ProtocolNumber
	}
	pb := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(pkt)})
	d.InjectInbound(proto, pb)
	pb.DecRef()
}

// run hands what gVisor sends to write, until the device is closed and the
// queue is empty. A packet that the host does not take is lost, as on a wire.
func (d *device) run(write func([][]byte) error) {
	var taken [maxBatch]*[]byte
	var pkts [maxBatch][]byte
	for open := true; open; {
		n := 0
		select {
		case taken[0] = <-d.queue:
			n = 1
		case <-d.done:
			open = len(d.queue) > 0
		}
		n += d.more(taken[n:])
		for i := range n {
			pkts[i] = *taken[i]
		}
		if n > 0 {
			_ = write(pkts[:n])
		}
		for i := range n {
			d.pool.Put(taken[i])
		}
	}
}

// more takes what is in the queue without waiting.
func (d *device) more(taken []*[]byte) int {
	for n := range taken {
		select {
		case taken[n] = <-d.queue:
		default:
			return n
		}
	}
	return len(taken)
}
