package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/probe"
)

// probeFlags are the flags that trace and ping share.
type probeFlags struct {
	output
	v4, v6, numeric bool
}

func (f *probeFlags) bind(cmd *cobra.Command, json string) *cobra.Command {
	f.output.bind(cmd, json)
	cmd.Flags().BoolVarP(&f.v4, "ipv4", "4", false, "use IPv4")
	cmd.Flags().BoolVarP(&f.v6, "ipv6", "6", false, "use IPv6")
	cmd.Flags().BoolVarP(&f.numeric, "numeric", "n", false, "show addresses, ask for no names")
	return cmd
}

// oneOf refuses flags of which only one makes sense.
func oneOf(names string, set ...bool) error {
	n := 0
	for _, is := range set {
		if is {
			n++
		}
	}
	if n > 1 {
		return fmt.Errorf("want one of %s, and got %d", names, n)
	}
	return nil
}

// find returns the address of the host; preferred is the family where none is asked for.
func (f *probeFlags) find(ctx context.Context, host string, preferred probe.Family) (netip.Addr, error) {
	switch {
	case f.v4:
		preferred = probe.IPv4
	case f.v6:
		preferred = probe.IPv6
	}
	a, err := probe.Find(ctx, net.DefaultResolver, host, preferred)
	if err != nil && ctx.Err() != nil {
		return a, stopped()
	}
	return a, err
}

// names returns the names that addresses are shown by, nil for none.
func (f *probeFlags) names() *probe.Names {
	if f.numeric {
		return nil
	}
	return probe.NewNames(net.DefaultResolver)
}

// cannotAsk is the error of a question that was not put; its exit code is the one that the tool of that
// name has for it.
func cannotAsk(code int, err error) error {
	var exit *exitError
	if unread(err) || errors.As(err, &exit) {
		return err
	}
	return &exitError{code: code, cause: err}
}

// stopped ends the program as a shell shows one that Ctrl-C has ended.
func stopped() error {
	return &exitError{code: 128 + int(syscall.SIGINT)}
}

// seconds is a flag that takes a number of seconds, or a duration with a unit.
type seconds time.Duration

// String returns the seconds as a number.
func (s *seconds) String() string {
	return strconv.FormatFloat(time.Duration(*s).Seconds(), 'g', -1, 64)
}

// Set reads 0.2 or 200ms.
func (s *seconds) Set(text string) error {
	d, err := parseSeconds(text)
	if err == nil {
		*s = seconds(d)
	}
	return err
}

// Type names what the flag takes.
func (s *seconds) Type() string { return "SECONDS" }

// pause is seconds that traceroute takes for milliseconds where there are more than 10 of them and no unit.
type pause struct{ seconds }

// Set reads 0.2, 200 or 200ms.
func (p *pause) Set(text string) error {
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 10 && n <= 1e6 {
		text = strconv.FormatFloat(n, 'f', -1, 64) + "ms"
	}
	return p.seconds.Set(text)
}

func parseSeconds(text string) (time.Duration, error) {
	const most = 1e6 // more than a week
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("want seconds, as 0.5 or 500ms, and got %q", text)
		}
		n = d.Seconds()
	}
	if !(n >= 0 && n <= most) {
		return 0, fmt.Errorf("want seconds from 0 to 1000000, and got %q", text)
	}
	return time.Duration(n * float64(time.Second)), nil
}
