package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/oneping/oneping/internal/term"
)

// timeSize is how much of a payload holds the time of sending: a struct timeval. A shorter payload has
// none, and then no round trips are shown.
const timeSize = 16

// PingText prints a pinger as ping of iputils does.
type PingText struct {
	Quiet, Dated, Outstanding bool // -q, -D, -O

	out, err io.Writer
	names    *Names // nil: addresses alone
	dst      netip.Addr
	size     int
}

// NewPingText returns a printer for a payload of so many bytes. What this host itself refuses to send
// is said on errs. names is nil where addresses are to be shown alone.
func NewPingText(out, errs io.Writer, names *Names, dst netip.Addr, size int) *PingText {
	return &PingText{out: out, err: errs, names: names, dst: dst, size: size}
}

// Begin prints the first line; from is where requests leave from, by -I: an address, or with device.
func (p *PingText) Begin(ctx context.Context, host string, from netip.Addr, device string) error {
	var b strings.Builder
	if p.dst.Is4() {
		fmt.Fprintf(&b, "PING %s (%s) ", host, p.dst)
	} else {
		fmt.Fprintf(&b, "PING %s(%s) ", host, p.address(ctx, p.dst))
	}
	if from.IsValid() {
		fmt.Fprintf(&b, "from %s %s: ", from, device)
	}
	if p.dst.Is4() {
		fmt.Fprintf(&b, "%d(%d) bytes of data.\n", p.size, p.size+28)
	} else {
		fmt.Fprintf(&b, "%d data bytes\n", p.size)
	}
	return p.print(b.String())
}

func (p *PingText) print(s string) error {
	_, err := io.WriteString(p.out, s)
	return err
}

// address shows who says something.
func (p *PingText) address(ctx context.Context, a netip.Addr) string {
	if p.names == nil {
		return a.String()
	}
	if name := term.Printable(p.names.Of(ctx, a)); name != "" {
		return fmt.Sprintf("%s (%s)", name, a)
	}
	return a.String()
}

// date is the time of day, where -D asks for it.
func (p *PingText) date() string {
	if !p.Dated {
		return ""
	}
	now := time.Now()
	return fmt.Sprintf("[%d.%06d] ", now.Unix(), now.Nanosecond()/1000)
}

func (p *PingText) timed() bool { return p.size >= timeSize }

// Echo prints a reply.
func (p *PingText) Echo(ctx context.Context, e Echo) error {
	if p.Quiet {
		return nil
	}
	var b strings.Builder
	a := &e.Answer
	fmt.Fprintf(&b, "%s%d bytes from %s: icmp_seq=%d", p.date(), len(a.Data)+8, p.address(ctx, a.From), a.Seq)
	if a.TTL > 0 {
		fmt.Fprintf(&b, " ttl=%d", a.TTL)
	}
	if len(a.Data) < p.size {
		return p.print(b.String() + " (truncated)\n")
	}
	if p.timed() {
		fmt.Fprintf(&b, " time=%s ms", threeDigits(e.RTT))
	}
	if e.Again && !p.dst.IsMulticast() { // of a group everybody answers
		b.WriteString(" (DUP!)")
	}
	if a.From.WithZone("") != p.dst.WithZone("") && !p.dst.IsMulticast() {
		b.WriteString(" (DIFFERENT ADDRESS!)")
	}
	writeDamage(&b, a.Data, e.Wanted)
	b.WriteString("\n")
	return p.print(b.String())
}

// threeDigits writes a round trip with three digits, or with more where there are more in front of
// the point.
func threeDigits(d time.Duration) string {
	us := d.Microseconds()
	switch {
	case us >= 99950:
		return fmt.Sprint((us + 500) / 1000)
	case us >= 9995:
		return fmt.Sprintf("%d.%01d", (us+50)/1000, (us+50)%1000/100)
	case us >= 1000:
		return fmt.Sprintf("%d.%02d", (us+5)/1000, (us+5)%1000/10)
	}
	return thousandths(us)
}

// writeDamage shows all of a payload that is not as it was sent.
func writeDamage(b *strings.Builder, got, sent []byte) {
	for i := timeSize; i < len(sent); i++ {
		if got[i] == sent[i] {
			continue
		}
		fmt.Fprintf(b, "\nwrong data byte #%d should be 0x%x but was 0x%x", i, sent[i], got[i])
		for j := timeSize; j < len(sent); j++ {
			if j%32 == timeSize {
				fmt.Fprintf(b, "\n#%d\t", j)
			}
			fmt.Fprintf(b, "%x ", got[j])
		}
		return
	}
}

// Error prints an ICMP error.
func (p *PingText) Error(ctx context.Context, a Answer) error {
	if p.Quiet {
		return nil
	}
	return p.print(fmt.Sprintf("%sFrom %s icmp_seq=%d %s\n", p.date(), p.address(ctx, a.From), a.Seq, a.Words()))
}

// Unanswered says so where -O asks for it.
func (p *PingText) Unanswered(seq uint16) error {
	if !p.Outstanding {
		return nil
	}
	return p.print(fmt.Sprintf("%sno answer yet for icmp_seq=%d\n", p.date(), seq))
}

// Unsent says why a request did not leave this host.
func (p *PingText) Unsent(_ uint16, mtu uint32, err error) error {
	if p.Quiet {
		return nil
	}
	text := "local error: message too long, mtu=%d\n"
	if p.dst.Is6() {
		text = "local error: message too long, mtu: %d\n"
	}
	if err == nil {
		_, err = fmt.Fprintf(p.err, "ping: "+text, mtu)
		return err
	}
	_, err = fmt.Fprintf(p.err, "ping: sendmsg: %s\n", systemText(err))
	return err
}

// systemText is the text of a system's error with a capital, as the C library has it.
func systemText(err error) string {
	text := err.Error()
	var e syscall.Errno
	if errors.As(err, &e) {
		text = e.Error()
	}
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:]
}

// Status prints how it goes.
func (p *PingText) Status(t *Tally) error {
	_, err := fmt.Fprintf(p.err, "\r%s\n", t.status(p.timed()))
	return err
}

// End prints the statistics.
func (p *PingText) End(host string, t *Tally) error {
	return p.print(fmt.Sprintf("\n--- %s ping statistics ---\n%s\n%s\n", host, t.counts(), t.times(p.timed())))
}
