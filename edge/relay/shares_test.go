package relay

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// crowd is a world in which hogs have many devices: hog i, device j has the address 100.96.i.j.
type crowd struct {
	*world
	links   map[string]*fakeLink
	clients map[string]*DeviceAttachment
	next    proto.SessionID
}

func newCrowd(t *testing.T, users, devices int) *crowd {
	c := &crowd{world: newWorld(t, Config{}), links: make(map[string]*fakeLink), clients: make(map[string]*DeviceAttachment), next: 1000}
	c.policy.Grants[0].Who = []string{"*"}
	c.policy.Grants[0].How = []string{"*"}
	for u := 1; u <= users; u++ {
		for d := 1; d <= devices; d++ {
			c.more = append(c.more, Device{ID: fmt.Sprintf("d%d.%d", u, d), User: fmt.Sprint("hog", u), Addrs: []netip.Addr{crowdAddr(u, d)}})
		}
	}
	c.setState(t)
	for _, d := range c.more {
		l := &fakeLink{max: 1400, settled: true}
		client, err := c.r.AttachDevice(d.ID, l)
		if err != nil {
			t.Fatal(err)
		}
		c.links[d.ID], c.clients[d.ID] = l, client
	}
	return c
}

func crowdAddr(user, device int) netip.Addr {
	return netip.AddrFrom4([4]byte{100, 96, byte(user), byte(device)})
}

// open registers a new session of a device.
func (c *crowd) open(user, device int) packet.Reason {
	c.next++
	r := reg(crowdAddr(user, device), server4, 5000, 9, 3)
	r.Session = c.next
	return c.clients[fmt.Sprintf("d%d.%d", user, device)].Datagram(regD(r))
}

// have returns how many sessions of a user live.
func (c *crowd) have(user int) int { return len(c.r.sessions.places.Of(fmt.Sprint("hog", user))) }

// toldEnded returns the sessions of which a link was told that they have ended.
func toldEnded(t *testing.T, l *fakeLink) (ids []proto.SessionID) {
	t.Helper()
	for _, d := range l.sent {
		if proto.DatagramType(d[0]) != proto.TypeUDPEvent {
			continue
		}
		if e := parseEvent(t, d); e.Kind == proto.EventClosed {
			ids = append(ids, e.Session)
		}
	}
	return ids
}

// Two users fill the table, one of them with five devices. A third gets in, up to the same share;
// who loses a session to it is told, and so is the connector.
func TestSessionsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 3, 5)
		c.r.sessions = newSessions(60, 30)
		for i := range 30 {
			if r1, r2 := c.open(1, 1+i%5), c.open(2, 1); r1 != packet.OK || r2 != packet.OK {
				t.Fatalf("%d: %v, %v", i, r1, r2)
			}
			time.Sleep(time.Second)
		}
		c.homeLink.sent = nil
		for i := range 20 {
			if r := c.open(3, 1); r != packet.OK {
				t.Errorf("newcomer %d: %v", i, r)
			}
			for user := 1; user <= 2; user++ { // whatever device asks
				if r := c.open(user, 1+i%5); r != packet.TableFull {
					t.Errorf("user %d, at its share: %v", user, r)
				}
			}
		}
		if r := c.open(3, 2); r != packet.TableFull {
			t.Errorf("a newcomer beyond its share: %v", r)
		}
		if c.have(1) != 20 || c.have(2) != 20 || c.have(3) != 20 || c.r.Sessions() != 60 {
			t.Errorf("shares %d, %d, %d of 60", c.have(1), c.have(2), c.have(3))
		}
		var told []proto.SessionID
		for _, l := range c.links {
			told = append(told, toldEnded(t, l)...)
		}
		slices.Sort(told)
		want := make([]proto.SessionID, 20) // the oldest of both
		for i := range want {
			want[i] = proto.SessionID(1001 + i)
		}
		connector := toldEnded(t, c.homeLink)
		slices.Sort(connector)
		if !slices.Equal(told, want) || !slices.Equal(connector, want) || c.r.Counters().Get(packet.Superseded) != 20 {
			t.Errorf("devices were told of %v, the connector of %v, counted %v", told, connector, c.r.Counters().Snapshot())
		}
		if n := c.clients["d2.1"].dev.sessions.Load(); n != 20 {
			t.Errorf("a device is charged for %d sessions, has 20", n)
		}
	})
}

// A session that is used stays, one that is idle goes.
func TestTheIdlestSessionMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 2, 1)
		c.r.sessions = newSessions(4, 4)
		for range 4 {
			c.open(1, 1)
			time.Sleep(time.Second)
		}
		for _, id := range []proto.SessionID{1001, 1003} {
			if r := c.home.Datagram(payloadD(proto.UDPPayload{Session: id, TTL: 9})); r != packet.OK {
				t.Fatal(r)
			}
		}
		c.open(2, 1)
		c.open(2, 1)
		if got := toldEnded(t, c.links["d1.1"]); !slices.Equal(got, []proto.SessionID{1002, 1004}) {
			t.Errorf("%v made room", got)
		}
	})
}

// A session that finds another connector keeps its place, also in a full table.
func TestASessionKeepsItsPlace(t *testing.T) {
	w := newWorld(t, Config{})
	w.r.sessions = newSessions(1, 1)
	for range 3 {
		old := w.r.sessions.get(42)
		s := newSession(w.r.state.Load().byDevice["d-alice"], &proto.UDPRegistration{Session: 42}, time.Minute, "t", newConnector("r", "t"))
		if out, ok := w.r.sessions.open(s); !ok || out != nil || w.r.sessions.get(42) != s || w.r.Sessions() != 1 {
			t.Fatalf("in the place of %p: %v, %d sessions", old, ok, w.r.Sessions())
		}
	}
	if w.r.sessions.end(w.r.sessions.get(42)); w.r.Sessions() != 0 || w.alice.dev.sessions.Load() != 0 {
		t.Errorf("%d sessions, the device is charged for %d", w.r.Sessions(), w.alice.dev.sessions.Load())
	}
}

// The flow of the largest holder that was opened first is cut for a newcomer, and says why it ended.
func TestFlowsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 3, 2)
		fl := newFlows(12, 12)
		open := func(user, device int) (*liveFlow, bool) {
			time.Sleep(time.Second)
			f, ok := fl.open(&tuple{dev: c.clients[fmt.Sprintf("d%d.%d", user, device)].dev, holder: fmt.Sprint("hog", user)}, nil)
			if ok {
				fl.answered(f)
			}
			return f, ok
		}
		var hogs []*liveFlow
		for i := range 6 {
			for user := 1; user <= 2; user++ {
				f, ok := open(user, 1+i%2)
				if !ok {
					t.Fatalf("flow %d of user %d was refused", i, user)
				}
				hogs = append(hogs, f)
			}
		}
		for i := range 4 {
			if _, ok := open(3, 1); !ok {
				t.Errorf("newcomer %d was refused", i)
			}
			if _, ok := open(1, 1+i%2); ok {
				t.Error("a hog got more than its share")
			}
		}
		if _, ok := open(3, 2); ok || fl.len() != 12 {
			t.Errorf("the newcomer got more than its share, or %d of 12 flows", fl.len())
		}
		for i, f := range hogs {
			want := packet.OK
			if i < 4 {
				want = packet.Superseded
			}
			if got := f.ended(packet.OK); got != want {
				t.Errorf("flow %d ended for %v, want %v", i, got, want)
			}
			fl.end(f) // those that were cut, too
		}
		if n := len(fl.devices.Of(c.clients["d1.1"].dev)); n != 0 || fl.len() != 4 {
			t.Errorf("a device is charged for %d flows; %d of the newcomer's 4", n, fl.len())
		}
	})
}
