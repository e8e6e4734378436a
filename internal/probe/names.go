package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
)

const (
	// nameWithin is how long one name is waited for.
	nameWithin = time.Second
	// silentNames is how many in a row may stay without an answer until no more are asked for.
	silentNames = 2
)

// Reverse finds the names of addresses: net.DefaultResolver is one.
type Reverse interface {
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// Names remembers the names of addresses. A resolver that does not answer costs two seconds in all: it
// is not asked again.
type Names struct {
	from   Reverse
	known  map[netip.Addr]string
	silent int
}

// NewNames returns the names that from knows; nil stands for no names at all (-n).
func NewNames(from Reverse) *Names { return &Names{from: from, known: make(map[netip.Addr]string)} }

// Of returns the name of an address, "" where there is none.
func (n *Names) Of(ctx context.Context, a netip.Addr) string {
	if name, ok := n.known[a]; ok || n.from == nil || n.silent >= silentNames {
		return name
	}
	ctx, cancel := context.WithTimeout(ctx, nameWithin)
	defer cancel()
	names, err := n.from.LookupAddr(ctx, a.String())
	var dns *net.DNSError
	if err != nil && (errors.Is(err, context.DeadlineExceeded) || errors.As(err, &dns) && dns.IsTimeout) {
		n.silent++
	} else {
		n.silent = 0
	}
	n.known[a] = ""
	if len(names) > 0 {
		n.known[a] = strings.TrimSuffix(names[0], ".")
	}
	return n.known[a]
}
