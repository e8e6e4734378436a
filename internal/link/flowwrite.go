package link

import (
	"errors"
	"fmt"
	"io"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/proto"
)

// Write writes b as data frames.
func (f *Flow) Write(b []byte) (int, error) {
	cb := copyBuffer{pools: &f.s.l.pools}
	defer cb.free()
	total := 0
	for len(b) > 0 {
		cb.used(len(b))
		buf := cb.next()
		n := copy(buf[proto.FrameHeaderSize:], b)
		if err := f.writeData(buf[:proto.FrameHeaderSize+n]); err != nil {
			return total, err
		}
		b = b[n:]
		total += n
	}
	return total, nil
}

// writeData writes one data frame; frame has room for the header before the
// payload, so that both go out in one write.
func (f *Flow) writeData(frame []byte) error {
	f.writeMu.Lock()
	defer f.unlockWrite()
	if f.wfin {
		return fmt.Errorf("write flow: %w", io.ErrClosedPipe)
	}
	n := len(frame) - proto.FrameHeaderSize
	proto.PutFlowFrame(frame, proto.FlowFrame{Type: proto.FrameData, Value: uint64(n)})
	if _, err := f.s.Write(frame); err != nil {
		return err
	}
	f.sent += uint64(n)
	return nil
}

// CloseWrite ends this side's half with a fin frame. The stream stays open for
// acknowledgements of the other half. Later calls do nothing.
func (f *Flow) CloseWrite() error {
	f.writeMu.Lock()
	defer f.unlockWrite()
	if f.wfin {
		return nil
	}
	f.wfin = true
	var head [proto.FrameHeaderSize]byte
	proto.PutFlowFrame(head[:], proto.FlowFrame{Type: proto.FrameFin, Value: f.sent})
	_, err := f.s.Write(head[:])
	return err
}

// ack acknowledges what has been read. It never blocks the reader: the two
// directions of a TCP connection must not wait for each other. While the other
// goroutine writes, it takes the acknowledgement along.
func (f *Flow) ack() {
	f.ackLast = f.recvd
	f.ackDue.Store(f.recvd + 1)
	if f.writeMu.TryLock() {
		f.unlockWrite()
	}
}

// unlockWrite writes a due acknowledgement where there is room for one, and
// unlocks writeMu.
func (f *Flow) unlockWrite() {
	for {
		blocked := false
		if due := f.ackDue.Swap(0); due != 0 {
			proto.PutFlowFrame(f.ackHead[:], proto.FlowFrame{Type: proto.FrameAck, Value: due - 1})
			if errors.Is(f.s.s.TryWriteAll(f.ackHead[:]), quic.ErrWouldBlock) {
				f.ackDue.CompareAndSwap(0, due) // with the next frame
				blocked = true
			}
		}
		f.writeMu.Unlock()
		if blocked || f.ackDue.Load() == 0 || !f.writeMu.TryLock() {
			return
		}
	}
}

// Acked returns the offset up to which the peer has acknowledged what was written.
func (f *Flow) Acked() uint64 { return f.acked.Load() }

// Reset ends the flow at once. With proto.CodeReset, the RST of a TCP
// connection, the peer reads what was written before where it still gets through, then *ResetError with code. Later calls do nothing.
func (f *Flow) Reset(code proto.Code) {
	if f.ended.Swap(true) {
		return
	}
	var head [proto.FrameHeaderSize]byte
	proto.PutFlowFrame(head[:], proto.FlowFrame{Type: proto.FrameRst, Value: uint64(code)})
	if f.writeMu.TryLock() {
		told := !f.wfin && code == proto.CodeReset && f.s.s.TryWriteAll(head[:]) == nil && f.s.CloseWrite() == nil
		f.wfin = true
		f.writeMu.Unlock()
		if told {
			f.s.cancelRead(code)
			f.s.end()
			return
		}
	}
	f.s.Reset(code)
}

// Close ends the flow: in order where both halves have ended, else with a
// reset. In order means that it waits until the peer has read all: refusing its
// last acknowledgements would make the relay between us reset the other
// direction, and what is still under way there with it. Reset from another
// goroutine ends the wait, and so does the end of the link.
func (f *Flow) Close() error {
	if f.ended.Load() {
		return nil
	}
	if !f.drained() {
		f.Reset(proto.CodeAborted)
		return nil
	}
	err := f.s.CloseWrite()
	f.readMu.Lock()
	defer f.readMu.Unlock()
	for {
		if _, rerr := io.ReadFull(f.s, f.head[:]); rerr != nil {
			break
		}
		h, perr := proto.ParseFlowFrame(f.head[:])
		if perr != nil || h.Type != proto.FrameAck {
			break
		}
		f.acked.Store(h.Value)
	}
	f.s.cancelRead(proto.CodeOK)
	f.s.end()
	return err
}

// drained says whether both halves have ended with a fin.
func (f *Flow) drained() bool {
	if !f.readMu.TryLock() {
		return false // someone still reads
	}
	fin := f.fin
	f.readMu.Unlock()
	f.writeMu.Lock()
	defer f.unlockWrite()
	return fin && f.wfin
}
