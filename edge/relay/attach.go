package relay

import (
	"errors"
	"sync/atomic"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
)

// ErrUnknown is returned for a device or connector that is not in the State.
var ErrUnknown = errors.New("attach link: the node is not in the edge's state")

// DeviceAttachment is a device's live link. Datagram and Flow take what arrives on it.
type DeviceAttachment struct {
	r     *Relay
	dev   *device
	link  Link
	limit *hop.ErrorLimit // of the ICMP errors made for the device

	extended atomic.Bool // it reads the extensions of ICMP errors
}

// AttachDevice makes l the link of a device. An older one is closed with
// proto.CodeReplaced. The caller calls Detach when l has ended.
func (r *Relay) AttachDevice(id string, l Link) (*DeviceAttachment, error) {
	r.mu.Lock()
	sub := r.state.Load().byDevice[id]
	if sub == nil {
		r.mu.Unlock()
		return nil, ErrUnknown
	}
	c := &DeviceAttachment{r: r, dev: sub.dev, link: l, limit: hop.NewErrorLimit(hop.ErrorRate{PerSecond: errorsPerSecond, Burst: errorBurst})}
	old := sub.dev.attachment.Swap(c)
	r.mu.Unlock()
	if old != nil {
		_ = old.link.Close(proto.CodeReplaced, "a newer link of this device took over")
	}
	return c, nil
}

// ReadsExtensions says whether the device reads the extensions of ICMP errors (proto.Hello). They are
// taken off what it does not read.
func (c *DeviceAttachment) ReadsExtensions(yes bool) { c.extended.Store(yes) }

// Detach ends c's part in the relay; sessions live on for the device's next link.
func (c *DeviceAttachment) Detach() { c.dev.attachment.CompareAndSwap(c, nil) }

// ConnectorAttachment is a connector's live link. Datagram takes what arrives on it.
type ConnectorAttachment struct {
	r    *Relay
	con  *connector
	link Link

	// Positions in Relay.endings, guarded by Relay.mu: what it has been told once, and for the last time.
	told, settled uint64
}

// AttachConnector makes l the link of a connector, as AttachDevice does.
func (r *Relay) AttachConnector(id string, l Link) (*ConnectorAttachment, error) {
	r.mu.Lock()
	st := r.state.Load()
	tunnelID, ok := st.connectors[id]
	if !ok {
		r.mu.Unlock()
		return nil, ErrUnknown
	}
	con := r.connectors[id]
	if con == nil {
		con = newConnector(id, tunnelID)
		r.connectors[id] = con
	}
	c := &ConnectorAttachment{r: r, con: con, link: l}
	old := con.attachment.Swap(c)
	st.tunnels[tunnelID].add(con)
	c.told = r.tell(c, 0) // it may have been away when they ended
	r.mu.Unlock()
	if old != nil {
		_ = old.link.Close(proto.CodeReplaced, "a newer link of this connector took over")
	}
	return c, nil
}

// Detach ends c's part in the relay; sessions live on for the connector's next link.
func (c *ConnectorAttachment) Detach() {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if c.con.attachment.CompareAndSwap(c, nil) {
		c.r.tunnels[c.con.tunnel].remove(c.con)
	}
}
