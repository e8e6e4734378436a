package path

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
)

const (
	// quicOverhead is what quic-go subtracts from its packet size to get the largest datagram: type
	// byte, the longest connection id, AEAD tag.
	quicOverhead = 1 + 20 + 16
	// mtuDone is the datagram size from which quic-go searches no further: its largest packet is
	// 1452 bytes and its steps end below 21.
	mtuDone = 1452 - 21 - quicOverhead
	// mtuStart is the datagram size at which every path begins (InitialPacketSize).
	mtuStart = 1200 - quicOverhead
	// settleAfter is when a path whose limit is below quic-go's counts as measured: quic-go probes
	// once in five round trips, and bisects in four to eight probes. Short paths take the least, no
	// path takes longer than the most.
	settleAfter      = 40 // round trips
	settleAfterLeast = 3 * time.Second
	settleAfterMost  = 20 * time.Second
	// probeSize is the size of a datagram that no packet holds.
	probeSize = 1500
)

// mtuTracker knows the largest datagram and since when it has not shrunk.
//
// quic-go tells when its search is done only through qlog, whose recorder costs
// an event per packet; its size is enough: either it is the largest possible,
// or the search has had its time.
type mtuTracker struct {
	size  atomic.Int64
	began time.Time    // of the connection; what follows is nanoseconds after it, by the monotonic clock
	since atomic.Int64 // start of the search on this path
	until atomic.Int64 // when it has had its time; stored after since
	probe [probeSize]byte
}

func (m *mtuTracker) begin(now time.Time) {
	since := int64(now.Sub(m.began))
	m.since.Store(since)
	m.until.Store(since + int64(settleAfterLeast))
}

// set stores a new size. A smaller one than before means a new path: the search starts again.
func (m *mtuTracker) set(n int) {
	if old := m.size.Swap(int64(n)); int64(n) < old {
		m.begin(time.Now())
	}
}

// restart begins the search anew, on a new path. The first one comes before the tracker is shared.
func (m *mtuTracker) restart(now time.Time) {
	if m.began.IsZero() {
		m.began = now
	}
	m.size.Store(mtuStart)
	m.begin(now)
}

// allow gives the search the time that it needs at this round trip time. What
// has settled stays so, however slow the path becomes.
func (m *mtuTracker) allow(now time.Time, rtt time.Duration) {
	until := m.until.Load()
	if int64(now.Sub(m.began)) >= until {
		return
	}
	wait := max(settleAfterLeast, min(settleAfter*rtt, settleAfterMost))
	m.until.CompareAndSwap(until, m.since.Load()+int64(wait)) // unless a new search has begun
}

func (m *mtuTracker) get(now time.Time) (n int, settled bool) {
	n = int(m.size.Load())
	return n, n >= mtuDone || int64(now.Sub(m.began)) >= m.until.Load()
}

// MaxDatagram implements link.Carrier.
func (c *conn) MaxDatagram() int { return int(c.mtu.size.Load()) }

// Settled implements link.Carrier.
func (c *conn) Settled() bool {
	_, settled := c.mtu.get(time.Now())
	return settled
}

// LeastDatagram implements link.Carrier.
func (c *conn) LeastDatagram() int { return mtuStart }

// PathMTU implements link.Carrier.
func (c *conn) PathMTU() int {
	return pathMTU(c.MaxDatagram(), c.Remote().Addr())
}

// Measure implements link.Carrier: it asks quic-go for its current limit, which refuses a datagram
// larger than any packet at once with the number.
func (c *conn) Measure() {
	c.mtu.allow(time.Now(), c.quic.ConnectionStats().SmoothedRTT)
	err := c.quic.SendDatagram(c.mtu.probe[:])
	if large, ok := errors.AsType[*quic.DatagramTooLargeError](err); ok {
		c.mtu.set(int(large.MaxDatagramPayloadSize))
	}
}

// pathMTU returns the size of the IP packet that carries a datagram of n bytes.
func pathMTU(n int, remote netip.Addr) int {
	const udp, ipv4, ipv6 = 8, 20, 40
	if remote.Is6() && !remote.Is4In6() {
		return n + quicOverhead + udp + ipv6
	}
	return n + quicOverhead + udp + ipv4
}
