package proto

import (
	"errors"
	"testing"
)

func TestFlowFrameGolden(t *testing.T) {
	for golden, want := range map[string]FlowFrame{
		"01 00000000100000 # data, 1 MiB":  {Type: FrameData, Value: MaxFrameData},
		"01 00000000000000 # data, empty":  {Type: FrameData},
		"02 ffffffffffffff # ack, 2^56-1":  {Type: FrameAck, Value: 1<<56 - 1},
		"03 00000100000000 # fin at 4 GiB": {Type: FrameFin, Value: 1 << 32},
		"04 0000000000000a # rst, timeout": {Type: FrameRst, Value: uint64(CodeTimeout)},
		"05 00000000010000 # up to 64 KiB": {Type: FrameLimit, Value: 64 << 10},
		"07 000000000000b8 # EF from here": {Type: FrameClass, Value: 0xb8},
		"08 0000000000003c # after 60 s":   {Type: FrameAlive, Value: 60},
		"06 00000000010000 # waits there":  {Type: FrameBlocked, Value: 64 << 10},
	} {
		b := wire(t, golden)
		var put [FrameHeaderSize]byte
		PutFlowFrame(put[:], want)
		wantBytes(t, put[:], b)
		got, err := ParseFlowFrame(b)
		if err != nil || got != want {
			t.Errorf("%s: %+v, error %v", golden, got, err)
		}
		prefixes(t, b, FrameHeaderSize, func(b []byte) error { _, err := ParseFlowFrame(b); return err })
	}
	for _, bad := range []string{
		"00 00000000000000 # type 0", "09 00000000000000 # type 9", "07 00000000000100 # a class over 8 bits", "08 00000000010000 # seconds over 16 bits",
		"01 00000000100001 # one byte over 1 MiB", "04 00000000010000 # a code over 16 bits",
	} {
		if _, err := ParseFlowFrame(wire(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", bad, err)
		}
	}
}
