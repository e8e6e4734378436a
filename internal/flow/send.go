package flow

import (
	"fmt"
	"io"

	"github.com/oneping/oneping/proto"
)

// credit returns how many bytes may be written now; it tells the peer that this end waits where
// that is none.
func (f *Flow) credit() (int, error) {
	f.writeMu.Lock()
	defer f.unlockWrite()
	limit := f.limit.Load()
	if n := limit - f.sent; n > 0 {
		return int(min(n, proto.MaxFrameData)), nil
	}
	if limit == f.told { // 0: it has not said anything yet
		return 0, nil
	}
	f.told = limit
	return 0, f.put(proto.FrameBlocked, limit)
}

// writeData writes one data frame; frame has room for the header before the
// payload, so that both go out in one write. There must be credit for it.
func (f *Flow) writeData(frame []byte) error {
	f.writeMu.Lock()
	defer f.unlockWrite()
	if f.wend {
		return fmt.Errorf("write flow: %w", io.ErrClosedPipe)
	}
	if err := f.tellClass(); err != nil {
		return err
	}
	n := len(frame) - proto.FrameHeaderSize
	proto.PutFlowFrame(frame, proto.FlowFrame{Type: proto.FrameData, Value: uint64(n)})
	if _, err := f.s.Write(frame); err != nil {
		return err
	}
	f.sent += uint64(n)
	f.holding.moved()
	return nil
}

// endFin says that nothing more comes; the other direction lives on.
func (f *Flow) endFin() error {
	f.writeMu.Lock()
	defer f.unlockWrite()
	f.wend = true
	return f.put(proto.FrameFin, f.sent)
}

// endRst says that the connection was reset, behind everything that was written before.
func (f *Flow) endRst(code proto.Code) error {
	f.writeMu.Lock()
	defer f.unlockWrite()
	f.wend, f.wrst = true, true
	return f.put(proto.FrameRst, uint64(code))
}

// rstBehindFin says that the connection was reset after this end's fin; nothing where there was
// none, or a reset already.
func (f *Flow) rstBehindFin(code proto.Code) {
	f.writeMu.Lock()
	defer f.unlockWrite()
	if f.wend && !f.wrst {
		f.wrst = true
		_ = f.put(proto.FrameRst, uint64(code)) // of a stream that has ended: its reader says why
	}
}

// put writes a frame without payload; the caller holds writeMu.
func (f *Flow) put(kind proto.FrameType, value uint64) error {
	var head [proto.FrameHeaderSize]byte
	proto.PutFlowFrame(head[:], proto.FlowFrame{Type: kind, Value: value})
	_, err := f.s.Write(head[:])
	return err
}
