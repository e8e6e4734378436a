//go:build linux

package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

const (
	narrowTo = 1400 // MTU of a narrow link below oneping
	// narrowMost is what such a link leaves: IPv4 and UDP take 28 bytes, QUIC 37 (internal/link),
	// our type byte 1. Discovery ends within 20 bytes of it.
	narrowMost  = narrowTo - 28 - 37 - 1
	narrowLeast = narrowMost - 20
)

// testNarrowAccess: the link between laptop and edge is the narrow one. It is the edge
// that says so, with what a packet of the laptop's may have; in row (a) a router can
// say so only about the link behind it.
func testNarrowAccess(t *testing.T) {
	t.Parallel()
	for _, sockets := range strategies { // each finds a limit of its own
		oneping := newRow(t, sockets, "--link", fmt.Sprintf("laptop-edge:mtu=%d", narrowTo))
		oneping.settle(t)
		limit := oneping.status().InnerMTU
		p := newRows(t, []string{"--link", fmt.Sprintf("edge-connector:mtu=%d", limit)}, oneping)
		wantNarrow(t, limit)
		p.compareNarrow(t, limit, mtu)
	}
}

func wantNarrow(t *testing.T, limit int) {
	t.Helper()
	if limit < narrowLeast || limit > narrowMost {
		t.Errorf("limit %d, want %d to %d", limit, narrowLeast, narrowMost)
	}
}

// testNarrowUplink: the link between edge and connector.
func testNarrowUplink(t *testing.T) {
	t.Parallel()
	for _, sockets := range strategies {
		oneping := newRow(t, sockets, "--link", fmt.Sprintf("edge-connector:mtu=%d", narrowTo))
		oneping.settle(t)
		limit := oneping.uplinkMTU()
		p := newRows(t, []string{"--link", fmt.Sprintf("edge-connector:mtu=%d", limit)}, oneping)
		wantNarrow(t, limit)
		p.compareNarrow(t, limit, oneping.status().InnerMTU) // larger ones meet the other link first
	}
}

// testNarrowNext: the connector's own link to the first router behind it.
func testNarrowNext(t *testing.T) { testNarrowBehind(t, "connector-r1") }

// testNarrowFar: a link between the routers behind the connector.
func testNarrowFar(t *testing.T) { testNarrowBehind(t, "r1-r2") }

func testNarrowBehind(t *testing.T, link string) {
	t.Parallel()
	const limit = 1300
	flags := []string{"--link", fmt.Sprintf("%s:mtu=%d", link, limit)}
	p := newRows(t, flags, newRow(t, pingSockets, flags...), newRow(t, rawSockets, flags...))
	most := mtu
	for _, r := range p.oneping {
		r.settle(t)
		most = min(most, r.status().InnerMTU)
	}
	p.compareNarrow(t, limit, most)
}

// compareNarrow compares what fits and what does not.
func (p *rows) compareNarrow(t *testing.T, limit, most int) {
	t.Helper()
	p.compare(t, slices.Concat(narrow(false, limit, most), narrow(true, limit, most)), quiet)
}

// uplinkMTU is the largest packet that crosses the link from edge to connector, as the edge sees it.
func (r *row) uplinkMTU() int {
	r.t.Helper()
	var s struct {
		Tunnels []struct {
			Connectors []struct {
				Link struct {
					MaxDatagram int `json:"max_datagram"`
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(r.run("edge", "oneping", "edge", "status", "--json")), &s); err != nil {
		r.t.Fatal(err)
	}
	if len(s.Tunnels) != 1 || len(s.Tunnels[0].Connectors) != 1 {
		r.t.Fatalf("edge status: %+v", s)
	}
	return s.Tunnels[0].Connectors[0].Link.MaxDatagram - 1 // the type byte
}

// narrow returns probes about a limit: the largest that fit, the smallest that do not, and
// larger ones up to most, with DF and without, expiring before, at and behind the narrow link.
func narrow(v6 bool, limit, most int) []probe {
	var out []probe
	head := 20
	if v6 {
		head = 40
	}
	to := places[0]
	to.echo = "echo reply"
	for _, length := range []int{1280, limit - 1, limit, limit + 1, limit + 40, most} {
		for _, proto := range []uint8{packet.ICMP, packet.UDP} {
			for _, df := range []bool{true, false} {
				for _, ttl := range []uint8{1, 2, 3, 4, 64} {
					if !df && (v6 || ttl != 64 && length > limit) {
						continue // who quotes which fragment of it is another matter
					}
					p := probe{proto: proto, dst: to.addr(v6), port: to.port, ttl: ttl, df: df, size: length - head - 8}
					p.pieces = []piece{{0, length - head, false}}
					p.name = fmt.Sprintf("%s %s, %d bytes for %d, DF %v, TTL %d", protoNames[proto], version(v6), length, limit, df || v6, ttl)
					p.want = anyKind
					out = append(out, p)
				}
			}
		}
	}
	return out
}
