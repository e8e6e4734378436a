package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// api is a handler over a real store, with presence that tests set.
type api struct {
	t       *testing.T
	h       *Handler
	store   *state.Store
	denials *policy.Log
	present map[proto.Identity]Presence
}

func newAPI(t *testing.T) *api {
	t.Helper()
	dir := t.TempDir()
	a := &api{t: t, store: state.New(state.Config{Dir: dir}), denials: policy.NewLog(), present: map[proto.Identity]Presence{}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := a.store.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("store ended with %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	select {
	case <-a.store.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the store is not ready")
	}
	authority := identity.New(identity.Config{Dir: dir, Store: a.store, Advertise: func() []string { return []string{"e:7844"} }})
	if err := authority.Load(); err != nil {
		t.Fatal(err)
	}
	a.h = New(Config{
		Store: a.store, Authority: authority, Denials: a.denials, Policy: a.compiled,
		Connected: func(id proto.Identity) (Presence, bool) { p, ok := a.present[id]; return p, ok },
	})
	return a
}

func (a *api) compiled() *policy.Compiled {
	sn := a.store.Snapshot()
	c, err := policy.Compile(sn.Policy, sn.Tunnels)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// do sends a request and decodes the answer; it returns the HTTP status.
func (a *api) do(method, url string, in, out any) int {
	a.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		a.t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	a.h.ServeHTTP(rec, httptest.NewRequest(method, url, bytes.NewReader(body)).WithContext(a.t.Context()))
	answer, err := io.ReadAll(rec.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			a.t.Fatalf("%s %s: %q: %v", method, url, answer, err)
		}
	}
	return rec.Code
}

func TestStatusCodes(t *testing.T) {
	a := newAPI(t)
	for _, c := range []struct {
		method, url string
		in          any
		want        int
	}{
		{"GET", "/v1/tunnels", nil, http.StatusOK},
		{"POST", "/v1/tunnels", map[string]string{"name": "lab"}, http.StatusOK},
		{"POST", "/v1/tunnels", map[string]string{"name": "Lab!"}, http.StatusBadRequest},
		{"POST", "/v1/tunnels", "nonsense", http.StatusBadRequest},
		{"POST", "/v1/tunnels", map[string]string{"name": strings.Repeat("x", maxBody)}, http.StatusRequestEntityTooLarge},
		{"GET", "/v1/tunnels/none", nil, http.StatusNotFound},
		{"DELETE", "/v1/routes?prefix=10.0.0.0/8", nil, http.StatusNotFound},
		{"GET", "/v1/routes/lookup?addr=x", nil, http.StatusBadRequest},
		{"POST", "/v1/devices/none/revoke", nil, http.StatusNotFound},
		{"GET", "/v1/explain?id=zz", nil, http.StatusBadRequest},
		{"GET", "/v1/explain?src=&dst=10.0.0.1", nil, http.StatusBadRequest},
		{"GET", "/v1/explain?src=alice&dst=nowhere", nil, http.StatusBadRequest},
		{"GET", "/v1/nothing", nil, http.StatusNotFound},
		{"PATCH", "/v1/tunnels", nil, http.StatusMethodNotAllowed},
	} {
		if got := a.do(c.method, c.url, c.in, nil); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.url, got, c.want)
		}
	}
	var events []state.AuditEvent
	a.do("GET", "/v1/audit", nil, &events)
	if len(events) != 1 || events[0].Action != "tunnel create" || events[0].Object != "lab" {
		t.Errorf("audit log %+v", events)
	}
}

func TestExplainADenial(t *testing.T) {
	a := newAPI(t)
	a.do("PUT", "/v1/policy", map[string]string{"text": `grants: [{id: eng, who: [alice], to: [10.0.0.0/8], how: [icmp]}]`}, nil)
	d, err := a.store.AllocateDevice(t.Context(), model.Device{ID: "bobsdevice", User: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	c := a.compiled()
	id, _ := a.denials.Deny(c, c.Principal(d.ID, d.User), policy.Target{Dst: netip.MustParseAddr("10.0.0.1"), Proto: policy.TCP, Port: 22})
	var e Explanation
	if code := a.do("GET", "/v1/explain?id="+id.String(), nil, &e); code != http.StatusOK {
		t.Fatalf("status %d", code)
	}
	want := policy.Explanation{
		ID: id, Time: e.Time, Count: 1, Principal: policy.Principal{Device: "bobsdevice", User: "bob"}, Target: "tcp 10.0.0.1:22",
		Grants: []policy.Considered{{Grant: "eng", Why: "who: bob, device:bobsdevice is not among alice; how: tcp:22 is not among icmp"}},
	}
	if diff := cmp.Diff(Explanation{Explanation: want}, e); diff != "" {
		t.Error(diff)
	}
	// The same principal, asked for by its address, now.
	if code := a.do("GET", "/v1/explain?src="+d.Addr4.String()+"&dst=10.0.0.1:22", nil, &e); code != http.StatusOK || e.Principal.Device != d.ID || e.Allowed {
		t.Errorf("by address: %d, %+v", code, e)
	}
	if code := a.do("GET", "/v1/explain?src=100.96.7.7&dst=10.0.0.1", nil, nil); code != http.StatusNotFound {
		t.Errorf("an address that no device has: %d", code)
	}
}

func TestConnectedNodesInLists(t *testing.T) {
	now := time.Now()
	a := newAPI(t)
	ctx := t.Context()
	tun, err := a.store.CreateTunnel(ctx, "lab")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.store.AddRoute(ctx, netip.MustParsePrefix("10.0.0.0/8"), "lab"); err != nil {
		t.Fatal(err)
	}
	up, _, err := a.store.PutConnector(ctx, model.Connector{ID: "up", Tunnel: tun.ID, Hostname: "one", OS: "linux/amd64", KeyHash: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.store.PutConnector(ctx, model.Connector{ID: "down", Tunnel: tun.ID, Hostname: "two", OS: "linux/arm64", KeyHash: []byte{2}}); err != nil {
		t.Fatal(err)
	}
	a.present[proto.Identity{Role: proto.RoleConnector, ID: up.ID, Tunnel: tun.ID}] = Presence{
		Remote: netip.MustParseAddrPort("192.0.2.1:50000"), Since: now.Add(-90 * time.Second), ICMP: "ping",
	}
	var l Lookup
	a.do("GET", "/v1/routes/lookup?addr=10.1.2.3", nil, &l)
	if l.Route == nil || l.Route.Prefix.String() != "10.0.0.0/8" || l.Route.Tunnel != "lab" || l.Route.Connected != 1 || !l.Captured {
		t.Errorf("looked up %+v", l)
	}
	if c := l.Connectors; len(c) != 2 || c[0].ID != "up" || c[0].Hostname != "one" || c[0].OS != "linux/amd64" || c[0].Link == nil ||
		c[0].Link.Remote.String() != "192.0.2.1:50000" || c[0].Link.ICMP != "ping" || c[1].ID != "down" || c[1].Link != nil {
		t.Errorf("connectors %+v", c)
	}
	var tunnels []Tunnel
	a.do("GET", "/v1/tunnels", nil, &tunnels)
	if len(tunnels) != 1 || tunnels[0].Connected() != 1 {
		t.Errorf("tunnels %+v", tunnels)
	}
}

const keptHint = "no client can capture it; name the address that the server has in its network"

// Whatever the store refuses, the asker is told what to type next; what does not exist is 404.
func TestRefusalsSayWhatToType(t *testing.T) {
	a := newAPI(t)
	type ask map[string]string
	for _, c := range []struct {
		method, url string
		in          any
		status      int
		text, hint  string
	}{
		{"POST", "/v1/tunnels", ask{"name": "lab"}, 200, "", ""},
		{"POST", "/v1/tunnels", ask{"name": "lab"}, 400, "create tunnel lab: the name is taken", "show it: oneping tunnel show lab"},
		{"POST", "/v1/tunnels", ask{"name": "Lab"}, 400, `create tunnel "Lab": not a valid name`, "use 1 to 63 lower case letters, digits and hyphens, such as office-berlin"},
		{"POST", "/v1/routes", ask{"prefix": "10.0.0.0/8", "tunnel": "home"}, 404, "add route 10.0.0.0/8: tunnel home does not exist", "create it: oneping tunnel create home"},
		{"POST", "/v1/routes", ask{"prefix": "10.0.0.0/8", "tunnel": "lab"}, 200, "", "no grant reaches 10.0.0.0/8 yet, so everything there is denied: oneping policy apply -f FILE"},
		{"POST", "/v1/routes", ask{"prefix": "10.0.0.0/8", "tunnel": "lab"}, 400, "add route 10.0.0.0/8: it exists already, to tunnel lab", "delete it first: oneping route delete 10.0.0.0/8"},
		{"POST", "/v1/routes", ask{"prefix": "fd00::/64", "tunnel": "lab"}, 200, "", "no grant reaches fd00::/64 yet, so everything there is denied: oneping policy apply -f FILE"},
		{"DELETE", "/v1/tunnels/lab", nil, 400, "delete tunnel lab: routes point to it (2)", "delete them first: oneping route delete 10.0.0.0/8; oneping route delete fd00::/64"},
		{"DELETE", "/v1/tunnels/home", nil, 404, "tunnel home does not exist", "list them: oneping tunnel list"},
		{"GET", "/v1/tunnels/home", nil, 404, "tunnel home does not exist", "list them: oneping tunnel list"},
		{"DELETE", "/v1/capture?prefix=10.0.0.0/8", nil, 400, "release 10.0.0.0/8: a route of that prefix exists", "delete it first: oneping route delete 10.0.0.0/8"},
		{"DELETE", "/v1/capture?prefix=10.1.0.0/16", nil, 404, "captured prefix 10.1.0.0/16 does not exist", "list them: oneping route capture list"},
		{"DELETE", "/v1/routes?prefix=10.1.0.0/16", nil, 404, "route 10.1.0.0/16 does not exist", "list them: oneping route list"},
		{"POST", "/v1/devices/none/revoke", nil, 404, "device none does not exist", "list them: oneping device list"},
		{"POST", "/v1/devices/a%1b%5B31mb/revoke", nil, 404, `device "a[31mb" does not exist`, "list them: oneping device list"},
		{"POST", "/v1/connectors/none/revoke", nil, 404, "connector none does not exist", "list them: oneping connector list"},
		{"POST", "/v1/routes", ask{"prefix": "fd00::%eth0/64", "tunnel": "lab"}, 400, `"fd00::%eth0/64" has a zone, which means something on one host alone`, "write it as fd00::/64"},
		{"POST", "/v1/capture", ask{"prefix": "fd00::%eth0/64"}, 400, `"fd00::%eth0/64" has a zone, which means something on one host alone`, "write it as fd00::/64"},
		{"POST", "/v1/routes", ask{"prefix": "169.254.169.254", "tunnel": "lab"}, 400, "prefix 169.254.169.254/32 is link-local, which every host keeps to itself", keptHint},
		{"POST", "/v1/capture", ask{"prefix": "::1"}, 400, "prefix ::1/128 is loopback, which every host keeps to itself", keptHint},
		{"GET", "/v1/routes/lookup?addr=fe80::1%25eth0", nil, 400, `"fe80::1%eth0" has a zone, which means something on one host alone`, "write the address without it"},
		{"POST", "/v1/tokens", ask{"user": "group:eng"}, 400, `make device token: "group:eng" is a term of a policy, and not a user`, "write it as alice@example.com"},
		{"POST", "/v1/tokens", ask{"user": "Alice "}, 400, `make device token: user "Alice " has a space`, "write it as alice@example.com"},
		{"POST", "/v1/tokens", ask{"user": "a\x1b[31mb"}, 400, `make device token: user "a\x1b[31mb" has characters that cannot be printed`, "is it copied from somewhere? Type it"},
		{"POST", "/v1/tokens", ask{"user": "Carol"}, 200, "", "no grant names carol, or a group of it: all that the device asks for is denied, until oneping policy apply -f FILE"},
		{"GET", "/v1/audit?n=10001", nil, 400, `"10001" is not a number of events`, "ask for 1 to 10000"},
		{"GET", "/v1/audit?n=-1", nil, 400, `"-1" is not a number of events`, "ask for 1 to 10000"},
	} {
		var got struct{ Error, Hint string }
		if status := a.do(c.method, c.url, c.in, &got); status != c.status || got.Error != c.text || got.Hint != c.hint {
			t.Errorf("%s %s %v: %d %q, hint %q; want %d %q, hint %q", c.method, c.url, c.in, status, got.Error, got.Hint, c.status, c.text, c.hint)
		}
	}
	full := advise(&state.Refusal{Why: state.CaptureFull})
	if hint := advice.Of(full); hint != "name a shorter prefix in the place of several, or give some back: oneping route capture delete PREFIX" {
		t.Errorf("a full capture list: hint %q", hint)
	}
}

// Whatever a person types for a name reaches the edge as that name, and is answered with a hint.
func TestAnyNameReachesTheEdge(t *testing.T) {
	a := newAPI(t)
	socket := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: a.h}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	c := NewClient(socket)
	for _, name := range []string{".", "..", "...", "a/b", "../..", "./x", "%2e", "%2E%2e", "a?b", "a#b", "a b"} {
		_, noTunnel := c.Tunnel(t.Context(), name)
		_, noDevice := c.RevokeDevice(t.Context(), name)
		_, noConnector := c.RevokeConnector(t.Context(), name)
		for what, err := range map[string]error{"tunnel": noTunnel, "device": noDevice, "connector": noConnector} {
			if want := what + " " + name + " does not exist"; err == nil || strings.ReplaceAll(err.Error(), `"`, "") != want || advice.Of(err) != "list them: oneping "+what+" list" {
				t.Errorf("%s: %v, hint %q", want, err, advice.Of(err))
			}
		}
	}
}
