package path_test

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// TestAStrangerMaySendLittle: QUIC's windows are what somebody may make the edge keep before
// anybody knows who it is.
func TestAStrangerMaySendLittle(t *testing.T) {
	linktest.Simulated(t, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
		sent := 0
		for range 3 { // over all streams
			s, err := client.OpenRaw(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_ = s.SetWriteDeadline(time.Now().Add(5 * time.Second))
			n, err := s.Write(make([]byte, 1<<20))
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("writing what nobody reads: %v", err)
			}
			sent += n
		}
		if sent != 16<<10 {
			t.Errorf("%d bytes were sent unread, want %d", sent, 16<<10)
		}
		_ = client.Close(proto.CodeOK, "")
		<-server.Done()
	})
}

// transfer sends 8 MiB to an edge that reads them and returns how long it took.
func transfer(t *testing.T, server, client *link.Link) time.Duration {
	t.Helper()
	const size = 8 << 20
	go func() {
		_, err := server.AcceptRaw(t.Context()) // the control stream, on which nothing comes
		s, err2 := server.AcceptRaw(t.Context())
		if err == nil && err2 == nil {
			_, _ = io.Copy(io.Discard, s)
			_ = s.Close()
		}
	}()
	s, err := client.OpenRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := s.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	_ = s.CloseWrite()
	_, _ = io.Copy(io.Discard, s) // the edge closes its half when it has all
	took := time.Since(began)
	if got := server.Traffic(); got.Consumed != size || got.Received < size || got.Packets < size/1500 {
		t.Errorf("traffic %+v, want %d bytes consumed of more", got, size)
	}
	return took
}

// TestTheWindowGrowsWithTrust: who is known and read gets what a fast transfer needs, unless memory
// is short.
func TestTheWindowGrowsWithTrust(t *testing.T) {
	var allowed atomic.Bool
	for name, c := range map[string]struct {
		trust, memory bool
		least, most   time.Duration
	}{
		"stranger":         {false, true, 5 * time.Second, time.Minute},
		"known":            {true, true, 0, 2 * time.Second},
		"known, no memory": {true, false, 5 * time.Second, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			allowed.Store(c.memory)
			linktest.SimulatedEdge(t, path.Config{Grow: allowed.Load}, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
				if c.trust {
					server.Trust()
				}
				took := transfer(t, server, client)
				if took < c.least || took > c.most {
					t.Errorf("8 MiB took %v, want %v to %v", took, c.least, c.most)
				}
				t.Log("8 MiB took", took)
				_ = client.Close(proto.CodeOK, "")
				<-server.Done()
			})
		})
	}
}

// TestAPlaceIsHeldUntilTrustOrTheEnd: handshakes and connections of nobody known are bounded by
// their number.
func TestAPlaceIsHeldUntilTrustOrTheEnd(t *testing.T) {
	for name, trust := range map[string]bool{"trusted": true, "gone": false} {
		t.Run(name, func(t *testing.T) {
			var places atomic.Int32
			admit := func(from netip.Addr, _ bool) (func(), error) {
				if from != netip.MustParseAddr("1.0.0.2") {
					t.Errorf("somebody from %v", from)
				}
				places.Add(1)
				return func() { places.Add(-1) }, nil
			}
			linktest.SimulatedEdge(t, path.Config{Admit: admit}, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
				if n := places.Load(); n != 1 {
					t.Errorf("%d places taken after the handshake, want 1", n)
				}
				if trust {
					server.Trust()
				}
				if n := places.Load(); (n == 0) != trust {
					t.Errorf("trusted %v: %d places taken", trust, n)
				}
				_ = client.Close(proto.CodeOK, "")
				<-server.Done()
				synctest.Wait()
				if n := places.Load(); n != 0 {
					t.Errorf("%d places taken at the end", n)
				}
			})
		})
	}
}

// TestARefusedConnectionFailsAtOnce: a node that is refused before its handshake dials again at
// once and not after a time-out.
func TestARefusedConnectionFailsAtOnce(t *testing.T) {
	st, ct := linktest.TLS(t)
	refuse := func(netip.Addr, bool) (func(), error) { return nil, errors.New("too many") }
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: st, Admit: refuse})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	_, err = path.Dial(t.Context(), ln.Addr().String(), path.Config{TLS: ct})
	h, ok := errors.AsType[*path.HandshakeError](err)
	if !ok || !h.Remote() || h.Error() != "the edge takes no new connections from here now" {
		t.Errorf("got %v, want a refusal", err)
	}
}
