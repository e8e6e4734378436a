package flow

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/oneping/oneping/proto"
)

// send moves from the TCP connection to the flow.
func (p *pump) send() {
	want, most := sizer{want: smallBuffer}, largeBuffer
	for {
		room, err := p.await()
		if err != nil {
			p.sendEnded(err)
			return
		}
		b := p.f.pools.get(min(want.want+proto.FrameHeaderSize, room+proto.FrameHeaderSize, most))
		payload := b[proto.FrameHeaderSize:min(len(b), room+proto.FrameHeaderSize)]
		n, err := p.c.Read(payload)
		want.saw(n, len(payload))
		if n > 0 {
			began := time.Now()
			werr := p.f.writeData(b[:proto.FrameHeaderSize+n])
			if most = largeBuffer; time.Since(began) > slowWrite {
				most = slowFrame
			}
			if werr != nil {
				err = nil // the stream has ended: receive says why
				p.f.pools.put(b)
				return
			}
		}
		p.f.pools.put(b)
		if err != nil {
			p.sendEnded(err)
			return
		}
	}
}

// await waits for credit. An error is the end of the connection, which is not being read meanwhile.
func (p *pump) await() (int, error) {
	n, err := p.f.credit()
	if n > 0 || err != nil {
		return n, err
	}
	tick := time.NewTicker(brokenEvery)
	defer tick.Stop()
	broken := time.Duration(0)
	for {
		select {
		case <-p.f.more:
			if n, err := p.f.credit(); n > 0 || err != nil {
				return n, err
			}
		case <-p.f.finished:
			return 0, net.ErrClosed
		case <-p.resetSeen:
			return 0, net.ErrClosed
		case <-tick.C:
			if !p.c.Broken() {
				broken = 0
			} else if broken += brokenEvery; broken >= lastWords {
				return 0, syscall.ECONNRESET
			}
		}
	}
}

// sendEnded tells the peer how the TCP connection has ended.
func (p *pump) sendEnded(err error) {
	p.mu.Lock()
	written := p.written
	p.mu.Unlock()
	if err == io.EOF && written == nil {
		_ = p.f.endFin() // of a stream that has ended: receive says why
		p.mu.Lock()
		written = p.written
		p.mu.Unlock()
		if written != nil { // meanwhile
			p.f.rstBehindFin(resetCode(written))
		}
		return
	}
	if err == io.EOF {
		err = written // it has taken the error that Read would have had
	}
	select {
	case <-p.resetSeen: // the peer knows
		return
	case <-p.f.finished: // receive says why
		return
	default:
	}
	p.note(fmt.Errorf("pump flow: %w", err))
	_ = p.f.endRst(resetCode(err))
	p.f.in.drop()
}
