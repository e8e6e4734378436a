package link_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// slot is a number that its owner changes, as a configuration.
type slot struct {
	newest atomic.Uint64
	sent   uint64
}

func (s *slot) next() *proto.Control {
	newest := s.newest.Load()
	if s.sent == newest {
		return nil
	}
	s.sent = newest
	return &proto.Control{Config: &proto.Config{Number: s.sent, User: strings.Repeat("x", 1000)}}
}

// What is superseded before the link could take it is never sent, and the newest always arrives:
// 1,500 changes while nothing crosses are a handful of messages afterwards, the last of which is
// the last change.
func TestTheLatestArrivesWhenTheQueueDrains(t *testing.T) {
	linktest.Simulated(t, path.Config{KeepAlive: 15 * time.Second}, func(t *testing.T, server, client *link.Link, c *linktest.Cable) {
		var got []uint64
		stop := linktest.Both(t, server, client, link.Handler{}, link.Handler{Control: func(_ *link.Link, m proto.Control) error {
			got = append(got, m.Config.Number)
			return nil
		}})
		hello := &proto.Control{Hello: &proto.Hello{}}
		if err := client.SendControl(hello); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		var s slot
		c.Hold.Store(true)
		for range 1500 {
			s.newest.Add(1)
			server.SendLatest(s.next)
			synctest.Wait() // the link takes what it can
		}
		c.Hold.Store(false)
		time.Sleep(10 * time.Second)
		stop()
		if len(got) == 0 || got[len(got)-1] != 1500 || !slices.IsSorted(got) {
			t.Fatalf("%d messages, the end %v; want 1500 as the last", len(got), got[max(0, len(got)-5):])
		}
		if len(got) > 64 { // what a congestion window takes before it stands still
			t.Errorf("%d messages", len(got))
		}
	})
}

// Who has queued a message does not wait for what can be made again: control messages go between
// two of those.
func TestTheQueueGoesBeforeTheLatest(t *testing.T) {
	linktest.Simulated(t, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
		var got []string
		stop := linktest.Both(t, server, client, link.Handler{}, link.Handler{Control: func(_ *link.Link, m proto.Control) error {
			if m.Event != nil {
				got = append(got, "event")
			} else {
				got = append(got, "page")
			}
			return nil
		}})
		pages := 0
		server.SendLatest(func() *proto.Control {
			if pages++; pages > 2 {
				return nil
			}
			if err := server.SendControl(&proto.Control{Event: &proto.Event{}}); err != nil {
				t.Error(err)
			}
			return &proto.Control{Config: &proto.Config{}}
		})
		if err := client.SendControl(&proto.Control{Hello: &proto.Hello{}}); err != nil { // opens the stream
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stop()
		if want := []string{"page", "event", "page", "event"}; !slices.Equal(got, want) {
			t.Errorf("arrived %v, want %v", got, want)
		}
	})
}
