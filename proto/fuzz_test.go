package proto

import (
	"bytes"
	"net/url"
	"testing"
)

// The fuzz targets say of every parser: it does not panic, and what it accepts
// is written back as the very same bytes. One meaning, one spelling.

func FuzzUDPRegistration(f *testing.F) {
	seedPrefixes(f, wire(f, goldenRegistration4), wire(f, goldenRegistration6))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r UDPRegistration
		if ParseUDPRegistration(b, &r) == nil {
			wantBytes(t, AppendUDPRegistration(nil, &r), b)
		}
	})
}

func FuzzUDPPayload(f *testing.F) {
	seedPrefixes(f, wire(f, goldenPayload))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p UDPPayload
		if ParseUDPPayload(b, &p) == nil {
			wantBytes(t, AppendUDPPayload(nil, &p), b)
		}
	})
}

func FuzzUDPEvent(f *testing.F) {
	seedPrefixes(f, wire(f, goldenEvent4), wire(f, goldenEvent6), wire(f, goldenEventBare), wire(f, goldenEventExtended))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e UDPEvent
		if ParseUDPEvent(b, &e) == nil {
			if e.Extension == "" {
				b[11] = 0 // ignored by readers
			}
			wantBytes(t, AppendUDPEvent(nil, &e), b)
		}
	})
}

func FuzzBatch(f *testing.F) {
	seedPrefixes(f, wire(f, goldenBatch)[BatchHeader:])
	f.Fuzz(func(t *testing.T, b []byte) {
		again := []byte{byte(TypeBatch)}
		rest := b
		for len(rest) > 0 {
			d, next, err := ParseBatch(rest)
			if err != nil {
				break
			}
			again, rest = AppendBatched(again, d), next
		}
		wantBytes(t, again[BatchHeader:], b[:len(b)-len(rest)])
	})
}

func FuzzHeartbeat(f *testing.F) {
	seedPrefixes(f, AppendHeartbeat(nil, Heartbeat{Nonce: 1 << 60}, 20), AppendHeartbeat(nil, Heartbeat{Echo: true}, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeartbeat(b)
		if err != nil {
			return
		}
		again, err := ParseHeartbeat(AppendHeartbeat(nil, h, len(b)))
		if err != nil || again != h {
			t.Errorf("%+v came back as %+v, error %v", h, again, err)
		}
	})
}

func FuzzPacketDatagram(f *testing.F) {
	seedPrefixes(f, AppendPacket(nil, make([]byte, 28)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ip, err := ParsePacket(b); err == nil {
			wantBytes(t, AppendPacket(nil, ip), b)
		}
	})
}

func FuzzFlowHeader(f *testing.F) {
	seedPrefixes(f, wire(f, goldenFlow4), wire(f, goldenFlow6))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, rest, err := ParseFlowHeader(b)
		if err == nil {
			wantBytes(t, append(AppendFlowHeader(nil, &h), rest...), b)
		}
		if len(b) == 0 {
			return
		}
		fromStream, streamErr := ReadFlowHeader(bytes.NewReader(b[1:]))
		if b[0] == byte(StreamFlow) && (err == nil) != (streamErr == nil) {
			t.Errorf("ParseFlowHeader says %v, ReadFlowHeader says %v", err, streamErr)
		}
		if err == nil && fromStream != h {
			t.Errorf("ParseFlowHeader reads %+v, ReadFlowHeader %+v", h, fromStream)
		}
	})
}

func FuzzFlowAnswer(f *testing.F) {
	seedPrefixes(f, wire(f, goldenAnswerConnected), wire(f, goldenAnswer4), wire(f, goldenAnswer6), wire(f, goldenAnswerExtended))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, rest, err := ParseFlowAnswer(b)
		if err == nil {
			wantBytes(t, append(AppendFlowAnswer(nil, &a), rest...), b)
		}
		fromStream, streamErr := ReadFlowAnswer(bytes.NewReader(b))
		if (err == nil) != (streamErr == nil) || fromStream != a {
			t.Errorf("ParseFlowAnswer: %+v, %v; ReadFlowAnswer: %+v, %v", a, err, fromStream, streamErr)
		}
	})
}

func FuzzFlowFrame(f *testing.F) {
	seedPrefixes(f, []byte{1, 0, 0, 0, 0, 0x10, 0, 0}, []byte{2, 255, 255, 255, 255, 255, 255, 255}, []byte{4, 0, 0, 0, 0, 0, 0, 10},
		[]byte{7, 0, 0, 0, 0, 0, 0, 0xb8}, []byte{8, 0, 0, 0, 0, 0, 0, 60})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := ParseFlowFrame(b)
		if err != nil {
			return
		}
		var put [FrameHeaderSize]byte
		PutFlowFrame(put[:], frame)
		wantBytes(t, put[:], b[:FrameHeaderSize])
	})
}

func FuzzControl(f *testing.F) {
	seedPrefixes(f,
		[]byte(`{"hello":{"version":"1","boot":"b","started":"2026-11-22T05:00:00Z","yield":true,"icmp":"ping"}}`),
		[]byte(`{"welcome":{"edge":"e","hello_again":true,"hops":["172.68.101.57"],"addrs":["100.96.0.1"],"capture":["172.16.0.0/12"]}}`),
		[]byte(`{"denial":{"id":"00000000000000ff","protocol":"tcp"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseControl(b)
		if err != nil {
			return
		}
		out, err := AppendControl(nil, &m)
		if err != nil {
			return // over MaxControl, or a year that JSON has no room for
		}
		if _, err := ParseControl(out[4:]); err != nil {
			t.Errorf("cannot read what we wrote: %v", err)
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	seedPrefixes(f, append(AppendLength(nil, 5), "hello"...), []byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := ReadFrame(bytes.NewReader(b), nil, 64); err == nil {
			wantBytes(t, append(AppendLength(nil, len(got)), got...), b[:4+len(got)])
		}
	})
}

func FuzzToken(f *testing.F) {
	good := Token{Kind: TokenDevice, Edges: []string{"e:1"}, CA: make([]byte, 32), ID: "i", Secret: make([]byte, 32)}.String()
	for n := range len(good) + 1 {
		f.Add(good[:n])
	}
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := ParseToken(s)
		if err != nil {
			return
		}
		if again, err := ParseToken(tok.String()); err != nil || again.ID != tok.ID {
			t.Errorf("cannot read what we wrote: %v", err)
		}
	})
}

func FuzzIdentity(f *testing.F) {
	for _, good := range []string{"oneping://connector/t/r", "oneping://client/d", "oneping://edge/e"} {
		for n := range len(good) + 1 {
			f.Add(good[:n])
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := url.Parse(s)
		if err != nil {
			return
		}
		id, err := ParseIdentity(u)
		if err != nil {
			return
		}
		if again, err := ParseIdentity(id.URI()); err != nil || again != id {
			t.Errorf("%q: %+v came back as %+v, error %v", s, id, again, err)
		}
	})
}

func FuzzDecisionID(f *testing.F) {
	for n := range 17 {
		f.Add("00000000000000ab"[:n])
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseDecisionID(s)
		if err != nil {
			return
		}
		if again, err := ParseDecisionID(id.String()); err != nil || again != id {
			t.Errorf("%q: %v came back as %v, error %v", s, id, again, err)
		}
	})
}
