package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/probe"
)

// traceFlags are the flags of traceroute that people know by heart.
type traceFlags struct {
	probeFlags
	icmp, udp, tcp, df bool
	port               uint16
	first, most, class uint8
	each, window       int
	wait, device       string
	source             string
	every              pause
}

func newTraceCmd() *cobra.Command {
	var f traceFlags
	cmd := f.probeFlags.bind(&cobra.Command{
		Use:        "trace [flags] HOST [SIZE]",
		SuggestFor: []string{"traceroute", "tracert", "tracepath", "mtr"},
		Short:      "Show the routers on the way to a host, as traceroute does",
		Long: `trace sends packets with a rising TTL and shows who answers each. It needs no
root, and no tool beside this one. Flags, output and marks are those of
traceroute: UDP to port 33434 and on by default, ICMP with -I, TCP with -T. On
Windows it is ICMP alone.

  !H !N !P   host, network, protocol unreachable
  !X         administratively prohibited: policy or a firewall
  !F-1400    larger than 1400 bytes, and not to be fragmented
  *          no answer

SIZE is the length of the packets, headers included.`,
		Example: `  oneping trace 172.16.10.120
  oneping trace -I -n 172.16.10.120
  oneping trace -T -p 443 172.16.10.120`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 2 {
				return f.swapped(c, args)
			}
			return exactArgs("HOST")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}, ": one object, the rungs in it")
	set := cmd.Flags()
	set.BoolVarP(&f.icmp, "icmp", "I", false, "send ICMP echo requests")
	set.BoolVarP(&f.udp, "udp", "U", false, "send UDP to one port, 53 if -p names no other")
	set.BoolVarP(&f.tcp, "tcp", "T", false, "send TCP SYNs to one port, 80 if -p names no other")
	set.Uint16VarP(&f.port, "port", "p", 0, "send to `PORT`; without -U and -T the first packet goes there, each other one to the next")
	set.Uint8VarP(&f.first, "first", "f", 1, "begin with `TTL`")
	set.Uint8VarP(&f.most, "max-hops", "m", 30, "end with `TTL`")
	set.IntVarP(&f.each, "queries", "q", 3, "`N` packets of each TTL, at most 10")
	set.IntVarP(&f.window, "sim-queries", "N", 16, "`N` packets that wait for answers at a time")
	set.StringVarP(&f.wait, "wait", "w", "5,3,10", "wait `SECONDS` for an answer; or MAX,HERE,NEAR: MAX at most, HERE times as long as an answer of the same TTL took, NEAR times one of a later TTL")
	set.VarP(&f.every, "sendwait", "z", "let `SECONDS` pass between two packets, at least; a number above 10 is one of milliseconds")
	set.StringVarP(&f.source, "source", "s", "", "send from `ADDRESS`")
	set.StringVarP(&f.device, "interface", "i", "", "send by `DEVICE`")
	set.Uint8VarP(&f.class, "tos", "t", 0, "TOS or traffic `CLASS` of the packets")
	set.BoolVarP(&f.df, "dont-fragment", "F", false, "let nobody fragment the packets")
	return cmd
}

// swapped refuses a port for a host: -T 443 HOST.
func (f *traceFlags) swapped(c *cobra.Command, args []string) error {
	_, err := strconv.ParseUint(args[0], 10, 16)
	_, size := strconv.Atoi(args[1])
	if err != nil || size == nil {
		return nil
	}
	port := "-p " + args[0]
	switch {
	case f.tcp:
		port = "-T " + port
	case f.udp:
		port = "-U " + port
	}
	return wrongUse(fmt.Errorf("%s takes HOST and SIZE, and got %s", c.CommandPath(), strings.Join(args, " ")),
		"write the port behind its flag: "+c.CommandPath()+" "+port+" "+args[1])
}

// tracePrinter shows a ladder, as text or as JSON.
type tracePrinter interface {
	Begin(host string, dst netip.Addr, most uint8, size int) error
	Rung(ctx context.Context, r probe.Rung) error
	End() error
}

// run traces the way to args[0].
func (f *traceFlags) run(c *cobra.Command, args []string) error {
	ladder, err := f.ladder()
	if err != nil {
		return wrongUse(err, seeHelp(c))
	}
	ctx, host := c.Context(), args[0]
	config := probe.Config{Method: f.method(), Device: f.device, Class: f.class, DF: probe.Dont}
	if f.df {
		config.DF = probe.Probe
	}
	if config.Dst, err = f.find(ctx, host, probe.PreferIPv4); err != nil {
		return cannotAsk(2, err)
	}
	if config.Source, err = parseSource(f.source, config.Dst); err != nil {
		return wrongUse(err, seeHelp(c))
	}
	size, headers, err := traceSize(config.Dst, args[1:])
	if err != nil {
		return wrongUse(err, seeHelp(c))
	}
	ladder.Payload = probe.TracePayload(size - headers)
	sender, err := probe.Open(config)
	if err != nil {
		return cannotAsk(1, err)
	}
	defer sender.Close()
	names := f.names()
	var show tracePrinter = probe.NewTraceText(c.OutOrStdout(), names)
	asJSON := probe.NewTraceJSON(config.Method, names)
	if f.json {
		show = asJSON
	}
	if err := show.Begin(host, config.Dst, f.most, size); err != nil {
		return err
	}
	err = probe.NewLadder(ladder, sender).Run(ctx, func(r probe.Rung) error { return show.Rung(ctx, r) })
	if ended := show.End(); err == nil {
		err = ended
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return stopped()
	case err != nil:
		return cannotAsk(1, err)
	case f.json:
		return f.print(c, asJSON, nil)
	}
	return nil
}

func (f *traceFlags) method() probe.Method {
	switch {
	case f.icmp:
		return probe.ICMP
	case f.tcp:
		return probe.TCP
	case f.udp:
		return probe.UDP
	}
	return probe.DefaultMethod()
}

// The ports that traceroute takes.
const (
	firstPort, udpPort, tcpPort = 33434, 53, 80
)

// ladder says what is climbed, but for the payload.
func (f *traceFlags) ladder() (probe.Trace, error) {
	t := probe.Trace{
		First: f.first, Most: f.most, Each: f.each, Window: f.window, Port: f.port, Every: time.Duration(f.every.seconds),
		Rising: !f.udp && !f.tcp, // ICMP has no ports
	}
	if t.Port == 0 {
		switch {
		case f.udp:
			t.Port = udpPort
		case f.tcp:
			t.Port = tcpPort
		default:
			t.Port = firstPort
		}
	}
	switch {
	case f.most == 0:
		return t, errors.New("--max-hops 0: want 1 to 255")
	case f.first == 0 || f.first > f.most:
		return t, fmt.Errorf("--first %d: want 1 to %d, the last TTL", f.first, f.most)
	case f.each < 1 || f.each > 10:
		return t, fmt.Errorf("--queries %d: want 1 to 10", f.each)
	case f.window < 1 || f.window > maxWindow:
		return t, fmt.Errorf("--sim-queries %d: want 1 to %d", f.window, maxWindow)
	}
	err := errors.Join(oneOf("-I, -U and -T", f.icmp, f.udp, f.tcp), oneOf("-4 and -6", f.v4, f.v6))
	if err == nil {
		t.Wait, err = parseWait(f.wait)
	}
	return t, err
}

// maxWindow is how many packets may wait at a time: each of UDP and TCP has a descriptor.
const maxWindow = 512

// parseWait reads MAX or MAX,HERE,NEAR, also with slashes.
func parseWait(text string) (probe.Waiting, error) {
	var w probe.Waiting
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '/' })
	if len(parts) == 0 || len(parts) > 3 {
		return w, fmt.Errorf("--wait %q: want MAX or MAX,HERE,NEAR", text)
	}
	longest, err := parseSeconds(parts[0])
	if err != nil {
		return w, fmt.Errorf("--wait %q: %w", text, err)
	}
	w.Max = longest
	for i, factor := range []*float64{&w.Here, &w.Near} {
		if i+1 >= len(parts) {
			break
		}
		if *factor, err = strconv.ParseFloat(parts[i+1], 64); err != nil || !(*factor >= 0 && *factor <= 1e6) {
			return w, fmt.Errorf("--wait %q: %q is no factor", text, parts[i+1])
		}
	}
	return w, nil
}

// parseSource reads an address to send from, which may be none.
func parseSource(text string, dst netip.Addr) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Is4() != dst.Is4() {
		return a, fmt.Errorf("source %q: want an address of the family of %s", text, dst)
	}
	return a, nil
}

// traceSize returns the length of packets and of their headers: IP and 8 bytes.
func traceSize(dst netip.Addr, args []string) (size, headers int, err error) {
	const most = 65000
	size, headers = 60, 28
	if dst.Is6() {
		size, headers = 80, 48
	}
	if len(args) > 0 {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 0 || n > most {
			return 0, 0, fmt.Errorf("size %q: want a number of bytes, at most %d", args[0], most)
		}
		size = max(n, headers)
	}
	return size, headers, nil
}
