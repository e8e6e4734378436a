//go:build linux

package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// rows are row (a) and one or more of row (b) with the same scene at their ends.
type rows struct {
	linux   *row
	oneping []*row
	next    atomic.Uint32 // key of the next probe
}

const firstKey = 20000

// newRows starts row (a) with flags of the lab, which make a link narrow, and sets the scene in all.
func newRows(t testing.TB, flags []string, oneping ...*row) *rows {
	t.Helper()
	p := &rows{oneping: oneping, linux: newRow(t, linuxRouters, flags...)}
	p.next.Store(firstKey)
	for _, r := range p.all() {
		if len(flags) > 0 { // the origin's own path MTU discovery would cost row (a) its first large answer
			r.shell("server", "echo 1 >/proc/sys/net/ipv4/ip_no_pmtu_disc")
		}
		r.scene()
	}
	p.linux.nat()
	return p
}

// all returns row (a), then the others.
func (p *rows) all() []*row { return append([]*row{p.linux}, p.oneping...) }

// scene sets up what the places of the catalogue promise.
func (r *row) scene() {
	r.t.Helper()
	for _, node := range []string{"laptop", "edge", "connector", "r1", "r2", "server"} {
		// A flow label is random where it is on: nothing to compare (RFC 6437 allows 0).
		r.shell(node, "echo 0 >/proc/sys/net/ipv6/auto_flowlabels")
		// Without a limit there is no budget either, which ip_error would share (inet_peer_xrlim_allow).
		r.shell(node, "echo 0 >/proc/sys/net/ipv4/icmp_ratemask")
	}
	r.quiet()
	r.run("r2", "nft", fmt.Sprintf(`add table inet scene
		add chain inet scene forward { type filter hook forward priority 0; }
		add rule inet scene forward meta l4proto { tcp, udp } th dport %d reject with icmpx type admin-prohibited`, portRefused))
	r.run("server", "nft", fmt.Sprintf(`add table inet scene
		add chain inet scene in { type filter hook input priority 0; }
		add rule inet scene in meta l4proto { tcp, udp } th dport %d drop
		add rule inet scene in meta l4proto { tcp, udp } th dport %d reject with icmpx type admin-prohibited`, portFiltered, portRejected))
	r.run("server", "ethtool", "-K", "eth0", "tx", "off") // a capture between namespaces sees what no device has completed
	addrs := []string{fmt.Sprintf("%v:%d", server4, portOpen), fmt.Sprintf("[%v]:%d", server6, portOpen)}
	r.serve(append([]string{"udp-echo"}, addrs...)...)
	r.serve(append([]string{"tcp-serve"}, addrs...)...)
}

// quiet keeps the laptop's kernel from answering answers that it did not ask for.
func (r *row) quiet() {
	r.t.Helper()
	r.run("laptop", "nft", fmt.Sprintf(`add table inet quiet
		add chain inet quiet in { type filter hook input priority 0; }
		add rule inet quiet in iifname %q icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
		add rule inet quiet in iifname %[1]q drop`, r.device))
}

// nat makes row (a)'s connector translate, and drop what it cannot, as the firewall
// of a site does.
func (r *row) nat() {
	r.t.Helper()
	r.run("connector", "nft", `add table inet nat
		add chain inet nat out { type nat hook postrouting priority 100; }
		add rule inet nat out oifname "lan0" masquerade
		add chain inet nat forward { type filter hook forward priority 0; }
		add rule inet nat forward ct state invalid drop`)
}

// settle waits until path MTU discovery of oneping's links is done: from then on
// "packet too big" is answered.
func (r *row) settle(t testing.TB) {
	t.Helper()
	for node, role := range map[string]string{"laptop": "client", "connector": "connector"} {
		program.Poll(t, node+" has settled", 30*time.Second, func() bool {
			out := r.run(node, "oneping", role, "status", "--json")
			return strings.Contains(out, `"settled": true`)
		})
	}
}

const (
	largeStep = 4096                    // bytes that take one step: without root a packet socket has little room
	pace      = 4 * time.Millisecond    // between probes: the limits of all rows are far above it
	slowPace  = 1200 * time.Millisecond // between slow ones
	quiet     = 5 * time.Second         // how long an answer may take; a dead neighbour takes 3 s
	patience  = 20 * time.Second        // as much where one row has answered and another may be busy
)

// compare sends probes through all rows and compares what comes back, one subtest a
// probe. silence is how long it waits at least.
func (p *rows) compare(t *testing.T, probes []probe, silence time.Duration) {
	t.Helper()
	all := p.exchangeAll(t, probes, silence)
	told, again := split(probes, all)
	compareAll(t, told, all)
	if len(again) > 0 {
		t.Logf("%d probes to the dead place are sent again: a kernel has purged them", len(again))
		compareAll(t, again, p.exchangeAll(t, again, silence))
	}
}

// split takes apart the probes to the dead place that some row answers and some row does not. A
// kernel that gives a neighbour up reports the packets that wait for it one by one, without its
// lock; where another one for the same neighbour comes in between, such as a SYN that TCP repeats
// after 3 s, it purges those that are left (neigh_invalidate).
func split(probes []probe, all []*exchange) (told, again []probe) {
	for _, p := range probes {
		says := func(x *exchange) bool { return len(x.got(p.key)) > 0 }
		silent := func(x *exchange) bool { return !says(x) }
		if p.dst == dead.addr(p.v6()) && slices.ContainsFunc(all, says) && slices.ContainsFunc(all, silent) {
			again = append(again, p)
		} else {
			told = append(told, p)
		}
	}
	return told, again
}

// compareAll compares what came back for each probe in row (a) and in each other.
func compareAll(t *testing.T, probes []probe, all []*exchange) {
	t.Helper()
	x := all[0]
	for _, y := range all[1:] {
		t.Run(y.row.kind, func(t *testing.T) {
			for i := range probes {
				one := &probes[i]
				t.Run(one.name, func(t *testing.T) {
					diffs := compareAnswers(one, x.got(one.key), y.got(one.key))
					if text := unexplained(one, diffs); text != "" {
						t.Error(text)
					}
				})
			}
			compareIDs(t, probes, x, y)
		})
	}
}

// exchangeAll sends probes through all rows and waits for what comes back: in row (a) first.
func (p *rows) exchangeAll(t *testing.T, probes []probe, silence time.Duration) []*exchange {
	t.Helper()
	var all []*exchange
	for _, r := range p.all() {
		all = append(all, r.exchange())
	}
	for i := range probes {
		probes[i].key = uint16(p.next.Add(1))
	}
	send := func(slow bool, every time.Duration) {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for i := range probes {
			if probes[i].slow != slow {
				continue
			}
			for _, z := range all {
				if err := z.send(&probes[i]); err != nil {
					t.Errorf("%v: send %s: %v", z.row, probes[i].name, err)
				}
			}
			for range 1 + probes[i].size/largeStep {
				<-ticker.C
			}
		}
	}
	var sending sync.WaitGroup
	sending.Go(func() { send(true, slowPace) })
	send(false, pace)
	sending.Wait()
	sent := time.Now()
	for !answered(probes, all) && time.Since(sent) < patience || time.Since(sent) < silence {
		<-time.After(50 * time.Millisecond)
	}
	for _, x := range all {
		x.stop()
	}
	return all
}

// answered says whether every probe that row (a) answers has been answered in all rows.
func answered(probes []probe, all []*exchange) bool {
	for i := range probes {
		p := &probes[i]
		if p.want == silent || p.want == anyKind {
			continue
		}
		for _, x := range all {
			if len(x.got(p.key)) == 0 {
				return false
			}
		}
	}
	return true
}
