package probe

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/oneping/oneping/internal/term"
)

// TraceText prints a ladder as traceroute 2.1 does.
type TraceText struct {
	out     io.Writer
	names   *Names
	numeric bool
	last    netip.Addr // who was heard last on this line
}

// NewTraceText returns a printer to out. names is nil where addresses are to be shown alone (-n).
func NewTraceText(out io.Writer, names *Names) *TraceText {
	return &TraceText{out: out, names: names, numeric: names == nil}
}

// Begin prints the first line: size is that of the packets, headers included.
func (t *TraceText) Begin(host string, dst netip.Addr, most uint8, size int) error {
	_, err := fmt.Fprintf(t.out, "traceroute to %s (%s), %d hops max, %d byte packets", host, dst, most, size)
	return err
}

// Rung prints one probe.
func (t *TraceText) Rung(ctx context.Context, r Rung) error {
	var b strings.Builder
	if r.Number == 0 {
		fmt.Fprintf(&b, "\n%2d ", r.TTL)
		t.last = netip.Addr{}
	}
	from := r.Answer.From
	switch {
	case !from.IsValid():
		b.WriteString(" *")
	case from != t.last:
		t.last = from
		b.WriteString(" " + t.address(ctx, from))
	}
	if r.Heard {
		fmt.Fprintf(&b, "  %s ms", milliseconds(r.RTT))
		if mark := r.Answer.Mark(); mark != "" {
			b.WriteString(" " + mark)
		}
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

func (t *TraceText) address(ctx context.Context, a netip.Addr) string {
	if t.numeric {
		return a.String()
	}
	return nameAndAddress(t.names.Of(ctx, a), a)
}

// nameAndAddress is how traceroute shows an address that may have a name.
func nameAndAddress(name string, a netip.Addr) string {
	if name = term.Printable(name); name == "" {
		name = a.String()
	}
	return fmt.Sprintf("%s (%s)", name, a)
}

// End ends the last line.
func (t *TraceText) End() error {
	_, err := io.WriteString(t.out, "\n")
	return err
}

// milliseconds writes a round trip with three digits behind the point.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3f", float64(d.Nanoseconds())/1e6)
}
