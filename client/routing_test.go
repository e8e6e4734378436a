package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/client/osroute"
)

// askedRouter notes what it is asked for (Router).
type askedRouter struct {
	got []osroute.Config
	err error
}

func (r *askedRouter) Apply(_ context.Context, cfg osroute.Config) error {
	r.got = append(r.got, cfg)
	return r.err
}

func (r *askedRouter) Watch(ctx context.Context, _ func()) error { <-ctx.Done(); return ctx.Err() }
func (r *askedRouter) Undo() error                               { return nil }
func (r *askedRouter) Inherited() bool                           { return false }
func (r *askedRouter) Warnings() []osroute.Warning               { return nil }

func newAsked(log *zap.Logger) (*hostRouting, *askedRouter) {
	router := new(askedRouter)
	r := &hostRouting{router: router}
	dev := newLastingDevice(newMemoryDevice(), nil, nil, log)
	r.start(dev, osroute.Config{Device: "memory0", Mark: 1}, log)
	return r, router
}

// An edge that is dialled is in the configuration of the host before it is dialled, each one once;
// the last ones are remembered.
func TestRoutingTowardEdges(t *testing.T) {
	at := netip.MustParseAddrPort
	r, router := newAsked(zap.NewNop())
	r.dialling(t.Context(), []netip.AddrPort{at("192.0.2.1:7844")})
	if len(router.got) > 0 {
		t.Error("the host was changed before anything was to be captured")
	}
	if err := r.apply(t.Context(), network{Addrs: []netip.Addr{netip.MustParseAddr("100.96.0.1")}}, at("192.0.2.2:7844")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r.dialling(t.Context(), []netip.AddrPort{at("[::ffff:192.0.2.3]:7844"), at("192.0.2.1:7844")})
	}
	want := []netip.AddrPort{at("192.0.2.2:7844"), at("192.0.2.3:7844"), at("192.0.2.1:7844")}
	if len(router.got) != 2 || !slices.Equal(router.got[1].Underlay, want) {
		t.Errorf("%d changes, edges %v, want %v", len(router.got), router.got[len(router.got)-1].Underlay, want)
	}
	for i := range 2 * maxEdges {
		r.dialling(t.Context(), []netip.AddrPort{at(fmt.Sprintf("198.51.100.%d:7844", i))})
	}
	last := router.got[len(router.got)-1].Underlay
	if len(last) != maxEdges || last[maxEdges-1] != at(fmt.Sprintf("198.51.100.%d:7844", 2*maxEdges-1)) {
		t.Errorf("%d edges, the last %v", len(last), last[len(last)-1])
	}
}

// A change of the host that fails is not in force, also where it was before; that is said once, and
// so is its end.
func TestRoutingFails(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	r, router := newAsked(zap.New(core))
	if _ = r.again(t.Context()); len(router.got) > 0 {
		t.Error("the host was changed before anything was to be captured")
	}
	if err := r.apply(t.Context(), network{}); err != nil {
		t.Fatal(err)
	}
	if ok, fault := r.capturing(); !ok || fault != nil {
		t.Errorf("capturing: %v, %v", ok, fault)
	}
	router.err = errors.New("another's rule")
	for range 3 {
		if err := r.again(t.Context()); !errors.Is(err, router.err) {
			t.Errorf("again = %v", err)
		}
	}
	if ok, fault := r.capturing(); ok || !errors.Is(fault, router.err) {
		t.Errorf("capturing: %v, %v", ok, fault)
	}
	router.err = nil
	_ = r.again(t.Context())
	if ok, fault := r.capturing(); !ok || fault != nil {
		t.Errorf("capturing: %v, %v", ok, fault)
	}
	var said []string
	for _, e := range logs.All() {
		said = append(said, e.Message)
	}
	if want := []string{"cannot capture what the edge wants", "captures again what the edge wants"}; !slices.Equal(said, want) {
		t.Errorf("logged %q, want %q", said, want)
	}
}
