package link_test

import (
	"errors"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// TestStreamsThatSayNothingEndTheLink: quic-go keeps what such a stream holds until the peer resets
// it.
func TestStreamsThatSayNothingEndTheLink(t *testing.T) {
	linktest.Simulated(t, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
		ended := make(chan error, 1)
		go func() { ended <- server.Run(t.Context(), link.Handler{}) }()
		began := time.Now()
		var last *link.Stream
		for range 9 { // the last opens those before it, too (RFC 9000 §3.2)
			s, err := client.OpenRaw(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last = s
		}
		if _, err := last.Write([]byte{0xff}); err != nil {
			t.Fatal(err)
		}
		err := <-ended
		c, ok := errors.AsType[*link.CloseError](err)
		if took := time.Since(began); !ok || c.Code != proto.CodeProtocol || c.Remote || took < 10*time.Second || took > 11*time.Second {
			t.Errorf("ended after %v with %v", took, err)
		}
		<-client.Done()
	})
}

// TestSilentStreamsTakeFewGoroutines: what waits for the first byte of a stream is bounded,
// whatever the peer opens.
func TestSilentStreamsTakeFewGoroutines(t *testing.T) {
	linktest.Simulated(t, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
		const opened = 1000
		go func() { _ = server.Run(t.Context(), link.Handler{}) }()
		for i := range opened {
			s, err := client.OpenRaw(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if i == opened-1 {
				if _, err := s.Write([]byte{0xff}); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(time.Second)
		if n := server.Unnamed(); n != 128 {
			t.Errorf("%d streams are waited for, want 128", n)
		}
		_ = client.Close(proto.CodeOK, "")
		<-server.Done()
	})
}
