package sim

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
	"go.uber.org/zap"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/edge/relay"
	"github.com/oneping/oneping/edge/route"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

const (
	edgeSocket      = "10.0.0.1:7844"
	clientSocket    = "10.0.0.2:40000"
	connectorSocket = "10.0.0.3:40000"
)

var (
	hop4    = netip.MustParseAddr("172.68.101.57")
	laptop4 = netip.MustParseAddr("100.96.0.1")
	server4 = netip.MustParseAddr("172.16.10.120")
	nobody4 = netip.MustParseAddr("172.16.10.200")
)

// world is a client, an edge and a connector in one bubble.
type world struct {
	t      *testing.T
	net    *network
	sim    *simnet.Simnet
	ca     *authority
	relay  *relay.Relay
	far    atomic.Pointer[connector.Connector]
	guests []*guest // laptops beside the one
	laptop *device
	subnet *subnet

	accepted  sync.Map     // the edge's newest link of each node, by its id
	welcomes  atomic.Int32 // links that the edge has welcomed
	asks      uint16       // idle seconds that the client asks for: what a patched one does
	acceptor  *edge.Acceptor
	capture   atomic.Pointer[[]netip.Prefix] // instead of the subnet; sorted
	laptopRun atomic.Pointer[client.Client]
	keepAlive time.Duration
	client    *role
	connector *role
	edge      *role
	sockets   map[string]*linktest.Socket
	log       *zap.Logger
}

// role is a running part of the world.
type role struct {
	cancel context.CancelFunc
	done   chan struct{}
	ready  <-chan struct{} // nil for the edge
}

// start runs run until the role is stopped.
func start(run func(ctx context.Context) error, ready <-chan struct{}) *role {
	ctx, cancel := context.WithCancel(context.Background())
	r := &role{cancel: cancel, done: make(chan struct{}), ready: ready}
	go func() {
		defer close(r.done)
		_ = run(ctx) // it never returns nil
	}()
	return r
}

func (r *role) stop() { r.cancel(); <-r.done }

// inWorld runs f in a bubble where all three roles are connected, and joins
// everything afterwards: a goroutine left behind fails the test.
func inWorld(t *testing.T, keepAlive time.Duration, f func(w *world)) {
	t.Helper()
	inWorldOf(t, keepAlive, func(*world) {}, f)
}

// inWorldOf is inWorld where prepare changes the world before anybody is there.
func inWorldOf(t *testing.T, keepAlive time.Duration, prepare, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, keepAlive, prepare)
		defer w.close()
		w.startEdge()
		w.startConnector()
		w.startClient()
		<-w.connector.ready
		<-w.client.ready
		for _, g := range w.guests {
			w.startGuest(g)
		}
		f(w)
	})
}

func newWorld(t *testing.T, keepAlive time.Duration, prepare func(*world)) *world {
	w := &world{
		t: t, net: newNetwork(), ca: newAuthority(t), subnet: newSubnet("172.16.10.0/24", "172.16.10.100"),
		keepAlive: keepAlive, sockets: make(map[string]*linktest.Socket), log: zap.NewNop(),
	}
	if os.Getenv("SIM_LOG") != "" {
		w.log, _ = zap.NewDevelopment()
	}
	prepare(w)
	w.sim = &simnet.Simnet{Router: w.net}
	addrs := []string{edgeSocket, clientSocket, connectorSocket}
	for _, g := range w.guests {
		addrs = append(addrs, g.socket)
	}
	for _, addr := range addrs {
		conn, err := endpoint(w.sim, addr)
		if err != nil {
			t.Fatal(err)
		}
		w.sockets[addr] = &linktest.Socket{PacketConn: conn}
	}
	if err := w.sim.Start(); err != nil {
		t.Fatal(err)
	}
	w.subnet.set(server4, plainHost)
	return w
}

func (w *world) close() {
	roles := []*role{w.client, w.connector, w.edge}
	for _, g := range w.guests {
		roles = append([]*role{g.client}, roles...)
	}
	for _, r := range roles {
		if r != nil {
			r.stop()
		}
	}
	w.net.close()
	w.subnet.wait()
	for _, s := range w.sockets {
		_ = s.Close()
	}
	_ = w.sim.Close()
}

// startEdge starts listener, acceptor and relay: the edge without its store.
func (w *world) startEdge() {
	w.relay = relay.New(relay.Config{Hops: []netip.Addr{hop4}})
	w.setState()
	ln, err := path.Listen(edgeSocket, path.Config{TLS: w.ca.tls(w.t, proto.Identity{Role: proto.RoleEdge, ID: "e"}), Underlay: w.sockets[edgeSocket], Tally: w.relay.Counters(), Log: w.log})
	if err != nil {
		w.t.Fatal(err)
	}
	w.acceptor = &edge.Acceptor{Listener: ln, Relay: w.relay, Log: w.log, Gate: gate{w}}
	w.edge = start(func(ctx context.Context) error {
		defer func() { _ = ln.Close() }()
		var sweeper sync.WaitGroup
		sweeper.Go(func() { _ = w.relay.Run(ctx) })
		defer sweeper.Wait()
		return w.acceptor.Run(ctx)
	}, nil)
}

// setState tells the edge who is who; devices that are named are revoked.
func (w *world) setState(revoked ...string) {
	compiled, err := policy.Compile(model.Policy{Grants: []model.Grant{{ID: "all", Who: []string{"*"}, To: []string{"*"}, How: []string{"*"}}}}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	devices := []relay.Device{{ID: "d", User: "alice", Addrs: []netip.Addr{laptop4}}}
	for _, g := range w.guests {
		devices = append(devices, relay.Device{ID: g.id, User: g.id, Addrs: []netip.Addr{g.addr}})
	}
	w.relay.SetState(relay.State{
		FIB:        route.Compile([]model.Route{{Prefix: w.subnet.prefix, Tunnel: "t"}}),
		Policy:     compiled,
		Devices:    slices.DeleteFunc(devices, func(d relay.Device) bool { return slices.Contains(revoked, d.ID) }),
		Connectors: []relay.Connector{{ID: "r", Tunnel: "t"}},
	})
}

// identify is the gate's, which keeps the link for the test.
func (w *world) identify(l *link.Link) (proto.Identity, error) {
	id, err := identify(l)
	w.accepted.Store(id.ID, l)
	return id, err
}

func (w *world) welcome(id proto.Identity) (proto.Welcome, error) {
	w.welcomes.Add(1)
	welcome := proto.Welcome{Edge: "e", Hops: []netip.Addr{hop4}, Config: proto.Config{Device: id.ID, Tunnel: id.Tunnel}}
	if id.Role == proto.RoleClient {
		welcome.IdleSeconds = w.asks
		welcome.Addrs = []netip.Addr{laptop4}
		welcome.Capture = []netip.Prefix{w.subnet.prefix}
		if more := w.capture.Load(); more != nil {
			welcome.Capture = *more
		}
		welcome.User = "alice"
	}
	for _, g := range w.guests {
		if g.id == id.ID {
			welcome.Addrs, welcome.User = []netip.Addr{g.addr}, g.id
		}
	}
	return welcome, nil
}

func (w *world) startConnector() {
	c, err := connector.New(connector.Config{
		Node:     w.ca.node(w.t, proto.Identity{Role: proto.RoleConnector, Tunnel: "t", ID: "r"}),
		Underlay: w.sockets[connectorSocket], System: kernel{w.subnet}, KeepAlive: w.keepAlive, Log: w.log,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.far.Store(c)
	w.connector = start(c.Run, c.Ready())
}

func (w *world) startClient() {
	w.laptop = newDevice()
	w.client = w.runClient("d", clientSocket, w.laptop)
}

// runClient starts the client of a device.
func (w *world) runClient(id, socket string, dev *device) *role {
	c, err := client.New(client.Config{
		Node: w.ca.node(w.t, proto.Identity{Role: proto.RoleClient, ID: id}),
		Host: laptop{dev}, Underlay: w.sockets[socket], KeepAlive: w.keepAlive, Log: w.log,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.laptopRun.Store(c)
	return start(c.Run, c.Ready())
}
