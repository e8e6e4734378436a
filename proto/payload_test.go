package proto

import (
	"bytes"
	"errors"
	"testing"
)

const goldenPayload = `
	03                       # type: UDP payload
	02                       # flags: DF
	40                       # TTL 64
	01                       # traffic class: ECT(1)
	1122334455667788         # session
	0007                     # tag
	00 ff                    # payload`

func TestUDPPayloadGolden(t *testing.T) {
	want := UDPPayload{Session: 0x1122334455667788, Tag: 7, TTL: 64, Class: 1, DF: true, Payload: []byte{0, 255}}
	b := wire(t, goldenPayload)
	wantBytes(t, AppendUDPPayload(nil, &want), b)
	var got UDPPayload
	if err := ParseUDPPayload(b, &got); err != nil {
		t.Fatal(err)
	}
	equal(t, got, want)
	if PayloadOverhead != len(b)-len(want.Payload) {
		t.Errorf("PayloadOverhead = %d, the header has %d bytes", PayloadOverhead, len(b)-len(want.Payload))
	}
	prefixes(t, b, PayloadOverhead, func(b []byte) error { return ParseUDPPayload(b, new(UDPPayload)) })
	for _, flags := range []byte{flagIPv6, 4, 0x80} {
		bad := bytes.Clone(b)
		bad[1] = flags
		if err := ParseUDPPayload(bad, new(UDPPayload)); !errors.Is(err, ErrMalformed) {
			t.Errorf("flags %#x: error %v, want ErrMalformed", flags, err)
		}
	}
}
