package packet

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

// TestRecord: RFC 791 §3.1, record route and timestamp. An option that is full is left alone, but for the
// count of what was not entered; one that is not asked for is, too.
func TestRecord(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 1, 0, time.UTC) // 1000 ms, 0x3e8
	hop := netip.MustParseAddr("1.2.3.4")
	for name, c := range map[string]struct{ options, want, counted []byte }{
		"route":              {[]byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0}, nil},
		"route, the second":  {[]byte{1, 7, 11, 8, 9, 9, 9, 9, 0, 0, 0, 0}, []byte{1, 7, 11, 12, 9, 9, 9, 9, 1, 2, 3, 4}, nil},
		"route, full":        {[]byte{7, 7, 8, 9, 9, 9, 9, 0}, nil, nil},
		"times":              {[]byte{68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{68, 12, 9, 0, 0, 0, 3, 0xe8, 0, 0, 0, 0}, nil},
		"times, full":        {[]byte{68, 8, 9, 0x20, 9, 9, 9, 9}, []byte{68, 8, 9, 0x30, 9, 9, 9, 9}, []byte{68, 8, 9, 0x30, 9, 9, 9, 9}},
		"addresses":          {[]byte{68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{68, 12, 13, 1, 1, 2, 3, 4, 0, 0, 3, 0xe8}, nil},
		"addresses, full":    {[]byte{68, 4, 5, 0xd1}, []byte{68, 4, 5, 0xe1}, []byte{68, 4, 5, 0xe1}},
		"asked of this one":  {[]byte{68, 12, 5, 3, 1, 2, 3, 4, 0, 0, 0, 0}, []byte{68, 12, 13, 3, 1, 2, 3, 4, 0, 0, 3, 0xe8}, nil},
		"asked of another":   {[]byte{68, 12, 5, 3, 1, 2, 3, 5, 0, 0, 0, 0}, nil, nil},
		"asked, all entered": {[]byte{68, 4, 5, 0x13}, nil, nil},
		"both":               {[]byte{7, 7, 4, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0, 0}, []byte{7, 7, 8, 1, 2, 3, 4, 68, 8, 9, 0, 0, 0, 3, 0xe8, 0}, nil},
		"another option":     {[]byte{148, 4, 0, 0}, nil, nil},
		"behind the end":     {[]byte{0, 7, 7, 4, 0, 0, 0, 0}, nil, nil},
		"none":               {nil, nil, nil},
	} {
		for _, a := range []netip.Addr{hop, {}} {
			p := mustParse(t, withOptions(echo4(8), c.options))
			payload := bytes.Clone(p.Transport())
			want := c.want
			if !a.IsValid() {
				want = c.counted
			}
			if want == nil {
				want = c.options
			}
			p.Record(a, now)
			again := mustParse(t, p.Raw) // its checksum is right
			if got := again.Raw[20:again.Hdr]; !bytes.Equal(got, want) || !bytes.Equal(again.Transport(), payload) {
				t.Errorf("%s, by %v: %x, want %x", name, a, got, want)
			}
		}
	}
	six := mustParse(t, echo6(8))
	before := bytes.Clone(six.Raw)
	six.Record(hop, now)
	wantBytes(t, six.Raw, before)
}

// What comes back with an answer are the options that record the way, whole and padded; its destination
// has entered itself twice.
func TestRecordsOfAnAnswer(t *testing.T) {
	req := mustParse(t, withOptions(echo4(8), []byte{148, 4, 0, 0, 7, 15, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1}))
	wantBytes(t, req.AppendRecords([]byte{5}), []byte{5, 7, 15, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	b, ok := AppendQueryReply([]byte{1}, req, func() time.Time { return time.Time{} })
	p := mustParse(t, b[1:])
	d := req.Dst.As4()
	want := bytes.Join([][]byte{{7, 15, 16, 9, 9, 9, 9}, d[:], d[:], {0}}, nil)
	if !ok || !p.TransportOK() || !p.IsEchoReply() || string(p.Payload()) != string(req.Payload()) {
		t.Errorf("%+v", p)
	}
	wantBytes(t, p.Raw[20:p.Hdr], want)
}

func FuzzRecord(f *testing.F) {
	seed(f)
	f.Add(withOptions(echo4(8), []byte{7, 7, 4, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0, 0}))
	f.Add(withOptions(echo4(8), []byte{68, 12, 5, 3, 172, 68, 101, 57, 0, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, in []byte) {
		in = bytes.Clone(in)
		var p, q Packet
		if Parse(in, &p) != OK {
			return
		}
		p.Record(edge4, time.Unix(1, 0))
		if r := Parse(in, &q); r != OK && r != BadOption { // an overflow that is full now is wrong
			t.Fatalf("%x: %v", in, r)
		}
		if n := len(p.AppendRecords(nil)); n%4 != 0 || n > 40 {
			t.Errorf("%d bytes of options", n)
		}
	})
}
