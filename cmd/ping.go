package cmd

import (
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/probe"
)

// pingFlags are the flags of ping that people know by heart.
type pingFlags struct {
	probeFlags
	quiet, dated, outstanding bool
	count, size               int
	every, linger, deadline   seconds
	from, fragment            string
	class, ttl                uint8
}

func newPingCmd() *cobra.Command {
	f := pingFlags{every: seconds(time.Second), linger: seconds(10 * time.Second)}
	cmd := f.probeFlags.bind(&cobra.Command{
		Use:   "ping [flags] HOST",
		Short: "Ask a host for replies, as ping does",
		Long: `ping sends ICMP echo requests and shows what comes back. It needs no root, and
no tool beside this one. Flags, output and exit code are those of ping: 0 where
a reply came, 1 where none did, 2 where nothing could be asked. Ctrl-C ends it
with the statistics, Ctrl-\ shows them meanwhile.`,
		Example: `  oneping ping 172.16.10.120
  oneping ping -c 3 -i 0.2 172.16.10.120
  oneping ping -c 1 -M do -s 1372 172.16.10.120`,
		Args: exactArgs("HOST"),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}, ": an object a line")
	set := cmd.Flags()
	set.IntVarP(&f.count, "count", "c", 0, "end after `N` replies (default: at Ctrl-C)")
	set.VarP(&f.every, "interval", "i", "`SECONDS` between two requests, at least 0.002")
	set.IntVarP(&f.size, "size", "s", 56, "`BYTES` of payload")
	set.VarP(&f.linger, "timeout", "W", "wait `SECONDS` for the last reply where none has come; 0: without end")
	set.VarP(&f.deadline, "deadline", "w", "end after `SECONDS` in any case; 0: do not")
	set.StringVarP(&f.fragment, "pmtudisc", "M", "", "who may fragment, `HOW`: dont (anybody), want (this host, as it knows the path), do (nobody), probe (nobody, and this host lets all out)")
	set.Uint8VarP(&f.class, "tclass", "Q", 0, "TOS or traffic `CLASS` of the requests, as 0x10")
	set.StringVarP(&f.from, "interface", "I", "", "send from an address or by a device, `FROM`")
	set.Uint8VarP(&f.ttl, "ttl", "t", 0, "`TTL` of the requests; 0: this host's own")
	set.BoolVarP(&f.outstanding, "outstanding", "O", false, "say so when there is no reply yet and the next request goes out")
	set.BoolVarP(&f.dated, "timestamps", "D", false, "begin each line with the time")
	set.BoolVarP(&f.quiet, "quiet", "q", false, "show the statistics only")
	return cmd
}

// check refuses what cannot be sent; counted says that there is a --count.
func (f *pingFlags) check(counted bool) error {
	const fastest, largest = 2 * time.Millisecond, 65507
	switch {
	case counted && f.count < 1:
		return fmt.Errorf("--count %d: want at least 1", f.count)
	case time.Duration(f.every) < fastest:
		return fmt.Errorf("--interval %s: want at least 0.002 seconds", f.every.String())
	case f.size < 0 || f.size > largest:
		return fmt.Errorf("--size %d: want 0 to %d", f.size, largest)
	}
	return oneOf("-4 and -6", f.v4, f.v6)
}

// parseFragment reads the value of -M.
func parseFragment(text string) (probe.DF, error) {
	switch text {
	case "", "want":
		return probe.Want, nil
	case "do":
		return probe.Do, nil
	case "dont":
		return probe.Dont, nil
	case "probe":
		return probe.Probe, nil
	}
	return probe.Want, fmt.Errorf("--pmtudisc %q: want do, dont, want or probe", text)
}

// pingPrinter shows a pinger, as text or as JSON.
type pingPrinter interface {
	probe.Output
	End(host string, t *probe.Tally) error
}

// run pings a host.
func (f *pingFlags) run(c *cobra.Command, host string) error {
	if err := f.check(c.Flags().Changed("count")); err != nil {
		return wrongUse(err, seeHelp(c))
	}
	df, err := parseFragment(f.fragment)
	if err != nil {
		return wrongUse(err, seeHelp(c))
	}
	config := probe.Config{Class: f.class, DF: df}
	if config.Dst, err = f.find(c.Context(), host, probe.Any); err != nil {
		return cannotAsk(2, err)
	}
	if _, ok := probe.ParseAddr(host); ok {
		f.numeric = true // who asks by address gets addresses
	}
	if err := f.leave(&config); err != nil {
		return wrongUse(err, seeHelp(c))
	}
	sender, err := probe.Open(config)
	if err != nil {
		return cannotAsk(2, err)
	}
	defer sender.Close()
	show, err := f.printer(c, host, config, sender.Source())
	if err != nil {
		return err
	}
	pinger := probe.NewPinger(probe.Ping{
		Count: f.count, Every: time.Duration(f.every), Linger: time.Duration(f.linger), Deadline: time.Duration(f.deadline),
		TTL: f.ttl, Payload: probe.PingPayload(f.size),
	}, sender, show)
	defer onQuit(pinger.Ask)()
	tally, err := pinger.Run(c.Context())
	if err != nil {
		return cannotAsk(2, err)
	}
	if err := show.End(host, tally); err != nil {
		return err
	}
	if tally.Received == 0 || f.deadline > 0 && tally.Received < f.count {
		return &exitError{code: 1}
	}
	return nil
}

// leave reads where requests leave from: an address, or else the name of a device.
func (f *pingFlags) leave(config *probe.Config) error {
	if f.from == "" {
		return nil
	}
	if _, err := netip.ParseAddr(f.from); err != nil {
		config.Device = f.from
		return nil
	}
	var err error
	config.Source, err = parseSource(f.from, config.Dst)
	return err
}

// printer returns what shows the replies; text has shown its first line then.
func (f *pingFlags) printer(c *cobra.Command, host string, config probe.Config, source netip.Addr) (pingPrinter, error) {
	if f.json {
		return probe.NewPingJSON(c.OutOrStdout(), f.names()), nil
	}
	text := probe.NewPingText(c.OutOrStdout(), c.ErrOrStderr(), f.names(), config.Dst, f.size)
	text.Quiet, text.Dated, text.Outstanding = f.quiet, f.dated, f.outstanding
	if f.from == "" {
		source = netip.Addr{}
	}
	return text, text.Begin(c.Context(), host, source, config.Device)
}

// onQuit calls ask with each SIGQUIT (Ctrl-\) until stop is called.
func onQuit(ask func()) (stop func()) {
	quit, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(quit, syscall.SIGQUIT)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for {
			select {
			case <-quit:
				ask()
			case <-ended:
				return
			}
		}
	})
	return func() {
		signal.Stop(quit)
		close(ended)
		waiting.Wait()
	}
}
