package icmp

import "sync"

// idents allocates the identifiers of a transport whose mappings share a
// socket, so that what arrives can be told apart by identifier alone. With at most
// MaxMappings of 65,535 in use there is always a free one.
type idents struct {
	// guarded by mu
	mu   sync.Mutex
	used map[Outer]struct{}
	next uint16
}

func newIdents() *idents { return &idents{used: make(map[Outer]struct{})} }

// acquire returns want where it is free and not 0, else another.
func (i *idents) acquire(v6 bool, want uint16) (uint16, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for range 1 << 16 {
		if o := (Outer{V6: v6, Ident: want}); want != 0 {
			if _, taken := i.used[o]; !taken {
				i.used[o] = struct{}{}
				return want, nil
			}
		}
		i.next++
		want = i.next
	}
	return 0, errBusy
}

func (i *idents) Release(o Outer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.used, o)
}
