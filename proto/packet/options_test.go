package packet

import (
	"bytes"
	"testing"
)

// withOptions puts IPv4 options, a multiple of 4 bytes, into a packet without any.
func withOptions(b, options []byte) []byte {
	out := append(append(bytes.Clone(b[:20]), options...), b[20:]...)
	out[0] += byte(len(options) / 4)
	out[3] += byte(len(options))
	return fixHeader(out)
}

// RFC 791 §3.1, RFC 1812 §5.2.4, RFC 7126 §4.3: what may pass, what is dropped, and which byte the
// sender is told of.
func TestParseOptions(t *testing.T) {
	for name, c := range map[string]struct {
		options []byte
		want    Reason
		pointer uint32
	}{
		"none":                               {nil, OK, 0},
		"no operation":                       {[]byte{1, 1, 1, 0}, OK, 0},
		"unknown":                            {[]byte{30, 2, 158, 2}, OK, 0},
		"unknown twice":                      {[]byte{30, 2, 30, 2}, OK, 0},
		"behind the end":                     {[]byte{0, 131, 9, 4}, OK, 0},
		"record route":                       {[]byte{7, 7, 4, 0, 0, 0, 0, 0}, OK, 0},
		"record route, full":                 {[]byte{7, 7, 8, 1, 2, 3, 4, 0}, OK, 0},
		"timestamp":                          {[]byte{68, 8, 5, 0, 0, 0, 0, 0}, OK, 0},
		"timestamp, full":                    {[]byte{68, 8, 9, 0xe0, 0, 0, 0, 0}, OK, 0},
		"timestamp, prespecified, all there": {[]byte{68, 4, 5, 0xf3}, OK, 0},
		"router alert":                       {[]byte{148, 4, 0, 0}, OK, 0},
		"loose route":                        {[]byte{131, 7, 4, 10, 0, 0, 1, 0}, Unsupported, 0},
		"strict route, behind others":        {[]byte{1, 7, 3, 4, 137, 3, 4, 0}, Unsupported, 0},

		"type without length":            {[]byte{1, 1, 1, 131}, BadOption, 23},
		"length 0":                       {[]byte{7, 0, 131, 3}, BadOption, 20},
		"length 1":                       {[]byte{1, 7, 1, 0}, BadOption, 21},
		"length beyond":                  {[]byte{7, 9, 131, 3}, BadOption, 20},
		"wrong behind a route":           {[]byte{131, 3, 4, 30, 9, 0, 0, 0}, BadOption, 23},
		"route of 2 bytes":               {[]byte{131, 2, 0, 0}, BadOption, 21},
		"route, pointer 3":               {[]byte{137, 3, 3, 0}, BadOption, 22},
		"two routes":                     {[]byte{131, 3, 4, 137, 3, 4, 0, 0}, BadOption, 23},
		"record route of 2 bytes":        {[]byte{7, 2, 0, 0}, BadOption, 21},
		"record route, pointer 3":        {[]byte{7, 3, 3, 0}, BadOption, 22},
		"record route, half a place":     {[]byte{7, 7, 5, 0, 0, 0, 0, 0}, BadOption, 22},
		"record route, last byte":        {[]byte{7, 7, 7, 0, 0, 0, 0, 0}, BadOption, 22},
		"record route twice":             {[]byte{7, 3, 4, 7, 3, 4, 0, 0}, BadOption, 23},
		"timestamp of 3 bytes":           {[]byte{68, 3, 5, 0}, BadOption, 21},
		"timestamp, pointer 4":           {[]byte{68, 4, 4, 0}, BadOption, 22},
		"timestamp, half a place":        {[]byte{68, 8, 6, 0, 0, 0, 0, 0}, BadOption, 22},
		"timestamp, half an address":     {[]byte{68, 8, 5, 1, 0, 0, 0, 0}, BadOption, 22},
		"timestamp, overflow":            {[]byte{68, 4, 5, 0xf0}, BadOption, 23},
		"timestamp twice":                {[]byte{68, 4, 5, 0, 68, 4, 5, 0}, BadOption, 24},
		"router alert of 3 bytes":        {[]byte{1, 148, 3, 0}, BadOption, 22},
		"wrong in the last of 40 bytes":  {append(bytes.Repeat([]byte{1}, 39), 30), BadOption, 59},
		"two right ones, the third not":  {[]byte{148, 4, 0, 0, 7, 3, 4, 148, 2, 0, 0, 0}, BadOption, 28},
		"wrong route behind a right one": {[]byte{131, 3, 4, 131, 3, 0, 0, 0}, BadOption, 23},
	} {
		for class, plain := range map[Class][]byte{ClassICMP: echo4(8), ClassUDP: udp4(8), ClassTCP: tcp4(FlagSYN, 0)} {
			var p Packet
			if got := Parse(withOptions(plain, c.options), &p); got != c.want || got == BadOption && (p.Fault != BadField || p.Pointer != c.pointer || p.Class != class) {
				t.Errorf("%s: %v, fault %d at %d in class %d; want %v at %d in class %d", name, got, p.Fault, p.Pointer, p.Class, c.want, c.pointer, class)
			}
		}
	}
}

// An error about a wrong option follows the rules of all errors: none about errors, other fragments
// than the first, and what cannot be told from them.
func TestBadOptionStaysSilent(t *testing.T) {
	wrong := []byte{30, 9, 0, 0}
	for name, c := range map[string]struct {
		b    []byte
		want Reason
		told bool
	}{
		"echo":               {withOptions(echo4(8), wrong), BadOption, true},
		"error":              {withOptions(errorAbout(t, echo4(8), edge4), wrong), BadOption, false},
		"a cut ICMP message": {withOptions(echo4(0)[:24], wrong), Malformed, false},
		"GRE":                {withOptions(changed(echo4(8), 9, 47), wrong), BadOption, true},
		"first fragment":     {withOptions(changed(echo4(8), 6, 0x20), wrong), BadOption, true},
		"second fragment":    {withOptions(changed(echo4(8), 7, 1), wrong), BadOption, false},
		"to everybody":       {withOptions(changed(echo4(8), 16, 224), wrong), Multicast, false},
	} {
		if name == "a cut ICMP message" {
			c.b[3] -= 12
			fixHeader(c.b)
		}
		var p Packet
		if got := Parse(c.b, &p); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
			continue
		} else if got != BadOption {
			continue
		}
		typ, code := p.Fault.TypeCode(false)
		out, told := AppendError(nil, Error{Src: edge4, Type: typ, Code: code, Pointer: p.Pointer}, &p)
		if told != c.told {
			t.Errorf("%s: told %v, want %v", name, told, c.told)
		}
		if told && (out[20] != TypeParamProblem || out[21] != 0 || !bytes.Equal(out[24:28], []byte{20, 0, 0, 0}) || !bytes.Equal(out[28:], c.b)) {
			t.Errorf("%s: %x", name, out)
		}
	}
}

func changed(b []byte, at int, to byte) []byte { b[at] = to; return b }

// withHeader puts an IPv6 extension header of type next in front of the transport: b is what stands
// behind its first two bytes.
func withHeader(p []byte, next byte, b []byte) []byte {
	head := append([]byte{p[6], byte((len(b)+2)/8 - 1)}, b...)
	out := append(append(bytes.Clone(p[:40]), head...), p[40:]...)
	out[6] = next
	out[5] += byte(len(head))
	return out
}

// RFC 8200 §4.2 to §4.4, RFC 2711, RFC 2675.
func TestParseExtensions(t *testing.T) {
	const ends = NumReasons // OK, but it goes no further than the first hop, and nothing is said of that
	for name, c := range map[string]struct {
		next    byte
		b       []byte
		want    Reason
		fault   ErrorKind
		pointer uint32
	}{
		"padding":                            {hopByHop, []byte{1, 4, 0, 0, 0, 0}, OK, 0, 0},
		"single bytes of padding":            {hopByHop, make([]byte, 6), OK, 0, 0},
		"router alert":                       {hopByHop, []byte{5, 2, 0, 0, 1, 0}, OK, 0, 0},
		"router alert of 1 byte":             {hopByHop, []byte{5, 1, 0, 1, 1, 0}, Malformed, 0, 0},
		"pass over":                          {hopByHop, []byte{0x3e, 4, 1, 2, 3, 4}, OK, 0, 0},
		"discard":                            {hopByHop, []byte{0x7e, 4, 1, 2, 3, 4}, Unsupported, 0, 0},
		"tell":                               {hopByHop, []byte{0x80, 4, 1, 2, 3, 4}, BadOption, UnknownOption, 42},
		"tell one":                           {hopByHop, []byte{0, 0, 0xff, 2, 3, 4}, BadOption, UnknownOption, 44},
		"tell, in the second row":            {hopByHop, []byte{1, 4, 0, 0, 0, 0, 0x1e, 1, 0x9e, 0x80, 3, 0, 0, 0}, BadOption, UnknownOption, 51},
		"cut off":                            {hopByHop, []byte{1, 3, 0, 0, 0, 0x1e}, Malformed, 0, 0},
		"longer than its header":             {hopByHop, []byte{0x9e, 5, 0, 0, 0, 0}, Malformed, 0, 0},
		"jumbo of 16 bits":                   {hopByHop, []byte{0xc2, 4, 0, 0, 0xff, 0xff}, BadOption, BadField, 44},
		"jumbo beside a length":              {hopByHop, []byte{0xc2, 4, 0, 1, 0, 0}, BadOption, BadField, 42},
		"jumbo of 3 bytes":                   {hopByHop, []byte{0xc2, 3, 0, 1, 0, 0}, Malformed, 0, 0},
		"jumbo in the wrong place":           {hopByHop, []byte{0, 0xc2, 4, 0, 1, 0, 0, 1, 5, 0, 0, 0, 0, 0}, Malformed, 0, 0},
		"destination option, pass over":      {destinationOptions, []byte{0, 0x3e, 3, 2, 3, 4}, OK, 0, 0},
		"destination option, discard":        {destinationOptions, []byte{0x7e, 4, 1, 2, 3, 4}, ends, 0, 0},
		"destination option, tell":           {destinationOptions, []byte{1, 0, 0x80, 2, 3, 4}, ends, 0, 0},
		"destination option, cut off":        {destinationOptions, []byte{1, 5, 0, 0, 0, 0}, ends, 0, 0},
		"routing header at its end":          {routing, []byte{99, 0, 0, 0, 0, 0}, OK, 0, 0},
		"routing header with a segment left": {routing, []byte{0, 1, 0, 0, 0, 0}, ends, 0, 0},
	} {
		for class, plain := range map[Class][]byte{ClassICMP: echo6(8), ClassUDP: udp6(8), ClassTCP: tcp6(FlagSYN, 0)} {
			var p Packet
			want := c.want
			if want == ends {
				want, class = OK, ClassOther
			}
			if got := Parse(withHeader(plain, c.next, c.b), &p); got != want || p.Fault != c.fault || p.Pointer != c.pointer || (got == OK || got == BadOption) && p.Class != class {
				t.Errorf("%s: %v, fault %d at %d in class %d; want %v, %d at %d in class %d", name, got, p.Fault, p.Pointer, p.Class, c.want, c.fault, c.pointer, class)
			}
		}
	}
	second := withHeader(withHeader(echo6(8), hopByHop, make([]byte, 6)), destinationOptions, make([]byte, 6))
	var behind Packet
	if r := Parse(second, &behind); r != OK || behind.Class != ClassOther || behind.Proto != hopByHop || behind.Fault != NoError {
		t.Errorf("hop-by-hop options behind others: %v, %+v", r, behind)
	}
	hidden := mustParse(t, withHeader(errorAbout(t, echo6(8), edge6), destinationOptions, []byte{0x9e, 4, 0, 0, 0, 0}))
	if hidden.Class != ClassOther || hidden.AllowsError() {
		t.Errorf("an error behind an option that its destination must know: %+v", hidden)
	}
	wrong := withHeader(errorAbout(t, echo6(8), edge6), hopByHop, []byte{0x9e, 4, 0, 0, 0, 0})
	var p Packet
	if r := Parse(wrong, &p); r != BadOption {
		t.Errorf("an error with a wrong option: %v", r)
	}
	if _, told := AppendError(nil, Error{Src: edge6, Type: Type6ParamProblem, Code: 2, Pointer: p.Pointer}, &p); told {
		t.Error("an error about an error")
	}
}
