package relay

import (
	"errors"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/proto"
)

// ErrUnknown is returned for a device or replica that is not in the State.
var ErrUnknown = errors.New("attach link: the node is not in the edge's state")

// Client is a device's live link. Datagram and Flow take what arrives on it.
type Client struct {
	r       *Relay
	dev     *device
	link    Link
	answers *rate.Limiter
}

// AttachClient makes l the link of a device. An older one is closed with
// proto.CodeReplaced. The caller calls Detach when l has ended.
func (r *Relay) AttachClient(id string, l Link) (*Client, error) {
	r.mu.Lock()
	sub := r.state.Load().byDevice[id]
	if sub == nil {
		r.mu.Unlock()
		return nil, ErrUnknown
	}
	c := &Client{r: r, dev: sub.dev, link: l, answers: newLimiter()}
	old := sub.dev.port.Swap(c)
	r.mu.Unlock()
	if old != nil {
		_ = old.link.Close(proto.CodeReplaced, "a newer link of this device took over")
	}
	return c, nil
}

// Detach ends c's part in the relay; sessions live on for the device's next link.
func (c *Client) Detach() { c.dev.port.CompareAndSwap(c, nil) }

// Connector is a replica's live link. Datagram takes what arrives on it.
type Connector struct {
	r    *Relay
	rep  *replica
	link Link

	// Positions in Relay.endings, guarded by Relay.mu: what it has been told once, and for the last time.
	told, settled uint64
}

// AttachConnector makes l the link of a replica, as AttachClient does.
func (r *Relay) AttachConnector(id string, l Link) (*Connector, error) {
	r.mu.Lock()
	st := r.state.Load()
	tunnelID, ok := st.replicas[id]
	if !ok {
		r.mu.Unlock()
		return nil, ErrUnknown
	}
	rep := r.replicas[id]
	if rep == nil {
		rep = newReplica(id, tunnelID)
		r.replicas[id] = rep
	}
	c := &Connector{r: r, rep: rep, link: l}
	old := rep.port.Swap(c)
	st.tunnels[tunnelID].add(rep)
	c.told = r.tell(c, 0) // it may have been away when they ended
	r.mu.Unlock()
	if old != nil {
		_ = old.link.Close(proto.CodeReplaced, "a newer link of this connector took over")
	}
	return c, nil
}

// Detach ends c's part in the relay; sessions live on for the replica's next link.
func (c *Connector) Detach() {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if c.rep.port.CompareAndSwap(c, nil) {
		c.r.tunnels[c.rep.tunnel].remove(c.rep)
	}
}
