//go:build linux

package conformance

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/lab"
	"github.com/oneping/oneping/test/program"
)

// Kinds of rows: row (a), and row (b) with each of the connector's strategies for ICMP. A connector
// with raw sockets finds ping sockets closed and has CAP_NET_RAW, as with Docker's default
// capabilities; one with ping sockets has nothing.
const (
	linuxRouters = "Linux"
	pingSockets  = "ping sockets"
	rawSockets   = "raw sockets"
)

var strategies = []string{pingSockets, rawSockets}

// row is one of the rows of hops: a lab, with its laptop's device.
type row struct {
	t          testing.TB
	lab        string
	kind       string
	device     string
	gateway    string // link address of the next hop
	src4, src6 netip.Addr
}

var rowCount atomic.Int32

// newRow starts a lab with two routers behind the connector. It ends with the test.
func newRow(t testing.TB, kind string, flags ...string) *row {
	t.Helper()
	r := &row{t: t, kind: kind, lab: fmt.Sprintf("conformance-%d-%d", os.Getpid(), rowCount.Add(1))}
	argv := append([]string{"lab", "up", "--name", r.lab, "--routers", "2"}, flags...)
	switch kind {
	case linuxRouters:
		argv = append(argv, "--plain")
	case rawSockets:
		argv = append(argv, "--raw")
	}
	argv = program.AllPorts(t, argv)
	t.Cleanup(func() {
		if err := lab.Down(r.lab); err != nil && !strings.Contains(err.Error(), "no lab") {
			t.Error(err)
		}
	})
	if out, err := exec.Command(bin, argv...).CombinedOutput(); err != nil {
		t.Fatalf("oneping %s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	if kind == linuxRouters {
		r.usePlain()
	} else {
		r.useTunnel()
		r.checkConnector()
	}
	return r
}

func (r *row) usePlain() {
	r.device, r.gateway = "eth0", strings.TrimSpace(r.run("edge", "cat", "/sys/class/net/to-laptop/address"))
	r.src4, r.src6 = netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("fd6f:6e65:7069:200::2")
}

func (r *row) useTunnel() {
	s := r.status()
	r.device = s.TUN
	for _, a := range s.Addrs {
		if a.Is4() {
			r.src4 = a
		} else {
			r.src6 = a
		}
	}
}

// checkConnector fails unless the connector uses the strategy that the row is to show, with no more
// power than that needs.
func (r *row) checkConnector() {
	r.t.Helper()
	var s struct{ ICMP string }
	if err := json.Unmarshal([]byte(r.run("connector", "oneping", "connector", "status", "--json")), &s); err != nil {
		r.t.Fatal(err)
	}
	mode, power := "ping", "0000000000000000"
	if r.kind == rawSockets {
		mode, power = "raw", "0000000000002000" // CAP_NET_RAW
	}
	powers := strings.Fields(r.run("connector", "sh", "-c",
		program.ForEach("connector run", `grep -E '^Cap(Prm|Eff|Bnd)' $p/status`)))
	want := []string{"CapPrm:", power, "CapEff:", power, "CapBnd:", power}
	if s.ICMP != mode || !slices.Equal(powers, want) {
		r.t.Fatalf("%v: the connector sends ICMP by %q with %q, want %q with %q", r, s.ICMP, powers, mode, want)
	}
}

// clientStatus is what the suite reads of oneping's own view.
type clientStatus struct {
	TUN      string
	Addrs    []netip.Addr
	InnerMTU int `json:"inner_mtu"`
	Link     *struct{ Settled bool }
	Reasons  map[string]uint64
}

func (r *row) status() clientStatus {
	r.t.Helper()
	var s clientStatus
	if err := json.Unmarshal([]byte(r.run("laptop", "oneping", "client", "status", "--json")), &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *row) src(v6 bool) netip.Addr {
	if v6 {
		return r.src6
	}
	return r.src4
}

func (r *row) String() string { return r.kind }

// run runs a command in a node that has to end with code 0, and returns what it wrote.
func (r *row) run(node string, argv ...string) string {
	r.t.Helper()
	out, err := r.try(node, argv...)
	if err != nil {
		r.t.Fatalf("%s: %s: %v\n%s", node, strings.Join(argv, " "), err, out)
	}
	return out
}

func (r *row) try(node string, argv ...string) (string, error) {
	c, err := r.start(node, argv...)
	if err != nil {
		return "", err
	}
	_ = c.in.Close()
	out, err := io.ReadAll(c.out)
	return string(out), errors.Join(err, <-c.ended)
}

// command is a command that runs in a node; its standard error is with its output.
type command struct {
	in    *os.File // its standard input
	out   *os.File
	ended chan error
}

func (r *row) start(node string, argv ...string) (*command, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &command{in: in, out: out, ended: make(chan error, 1)}
	go func() {
		err := lab.Exec(r.lab, lab.Command{Node: node, Argv: argv, Stdin: childIn, Stdout: childOut, Stderr: childOut})
		_, _ = childIn.Close(), childOut.Close()
		c.ended <- err
	}()
	return c, nil
}

// shell runs a script in a node.
func (r *row) shell(node, script string) { r.t.Helper(); r.run(node, "sh", "-ec", script) }

// serve runs a server of the helper tool until the test ends.
func (r *row) serve(argv ...string) {
	r.t.Helper()
	c, err := r.start("server", append([]string{"tool"}, argv...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.in.Close() }) // it ends with the lab
	line, err := bufio.NewReader(c.out).ReadString('\n')
	if err != nil || !strings.Contains(line, "listening") {
		r.t.Fatalf("server: %s: %q, %v", strings.Join(argv, " "), line, err)
	}
}

// exchange sends probes on the laptop's device and keeps what comes back for them.
type exchange struct {
	row *row
	cmd *command

	mu      sync.Mutex
	probes  map[uint16]*probe     // guarded by mu
	answers map[uint16][]*answer  // guarded by mu
	parts   map[string]*assembled // guarded by mu
	done    chan struct{}
}

// assembled is a packet of which not all fragments have been seen.
type assembled struct {
	datagram
	raw   []byte
	body  []byte
	have  int
	total int // -1: not known yet
	sizes []int
}

func (r *row) exchange() *exchange {
	r.t.Helper()
	c, lines := r.exchangeOn("laptop", r.device, r.gateway)
	x := &exchange{
		row: r, cmd: c, probes: map[uint16]*probe{}, answers: map[uint16][]*answer{},
		parts: map[string]*assembled{}, done: make(chan struct{}),
	}
	go x.read(lines)
	return x
}

// exchangeOn starts the tool on a device of a node, whose next hop has the link address gateway, if
// any: it sends the packets of its input and its output are the lines of what comes in.
func (r *row) exchangeOn(node, device, gateway string) (*command, *bufio.Reader) {
	r.t.Helper()
	c, err := r.start(node, "tool", "exchange", "-to", gateway, device)
	if err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewReaderSize(c.out, 1<<20)
	if line, err := lines.ReadString('\n'); err != nil || line != "capturing\n" {
		r.t.Fatalf("exchange: %q, %v", line, err)
	}
	return c, lines
}

// send sends a probe. Safe for concurrent use.
func (x *exchange) send(p *probe) error {
	var line bytes.Buffer
	for _, b := range p.packets(x.row.src(p.v6())) {
		fmt.Fprintf(&line, "%x ", b)
	}
	line.WriteByte('\n')
	x.mu.Lock()
	defer x.mu.Unlock()
	x.probes[p.key] = p
	_, err := x.cmd.in.Write(line.Bytes())
	return err
}

// read takes in what the tool captured until it ends.
func (x *exchange) read(lines *bufio.Reader) {
	defer close(x.done)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		at, digits, ok := strings.Cut(strings.TrimSpace(line), " in ")
		if _, err := fmt.Sscan(at, new(int64)); !ok || err != nil {
			x.row.t.Errorf("%v: exchange says %s", x.row, line)
			continue
		}
		if b, err := hex.DecodeString(digits); err == nil {
			x.take(b)
		}
	}
}

// take notes one packet that came in.
func (x *exchange) take(b []byte) {
	d, ok := decode(b)
	if !ok || d.dst != x.row.src(d.v6) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	sizes := []int{}
	if d.more || d.off > 0 {
		id := fmt.Sprint(d.src, d.id, d.proto)
		whole := x.parts[id].add(&d, b)
		x.parts[id] = whole
		if whole.have != whole.total {
			return
		}
		delete(x.parts, id)
		d, b, sizes = whole.datagram, whole.raw, whole.sizes
		d.body, d.more, d.off = whole.body[:whole.total], false, 0
	}
	key, ok := keyOf(&d)
	p := x.probes[key]
	if !ok || p == nil {
		return
	}
	a := describe(p, x.row.src(d.v6), &d, sizes, b)
	x.answers[key] = append(x.answers[key], a)
	if a.kind == "SYN-ACK" {
		_, _ = fmt.Fprintf(x.cmd.in, "%x\n", p.reset(x.row.src(d.v6))) // a lost one leaves a half-open connection
	}
}

// add adds a fragment; a is nil for the first one.
func (a *assembled) add(d *datagram, raw []byte) *assembled {
	if a == nil {
		a = &assembled{body: make([]byte, 1<<17), total: -1}
	}
	if d.off == 0 {
		a.datagram, a.raw = *d, raw
	}
	if !d.more {
		a.total = d.off + len(d.body)
	}
	a.have += copy(a.body[d.off:], d.body)
	a.sizes = append(a.sizes, len(d.body))
	return a
}

// got returns the answers to a probe so far. A SYN-ACK may be repeated before the laptop's
// reset has arrived.
func (x *exchange) got(key uint16) []*answer {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []*answer
	for _, a := range x.answers[key] {
		if len(out) == 0 || a.kind != "SYN-ACK" || out[len(out)-1].kind != a.kind {
			out = append(out, a)
		}
	}
	return out
}

// stop ends the exchange.
func (x *exchange) stop() {
	_ = x.cmd.in.Close()
	select {
	case <-x.done:
	case <-time.After(10 * time.Second):
		x.row.t.Errorf("%v: exchange does not end", x.row)
	}
}
