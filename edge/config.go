package edge

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Config is what an edge is made with. Zero values are the defaults.
type Config struct {
	StateDir  string         // data directory; required
	Listen    string         // UDP host:port of the links; "" = 0.0.0.0:7844 and [::]:7844
	Advertise []string       // addresses of this edge for tokens, host:port; none = those of this host
	Hops      []netip.Addr   // the edge's addresses as a router, at most one per family; a family with none = its default (Edge.hopsWith)
	Capture   []netip.Prefix // captured by clients beside every prefix ever routed
	Silent    bool           // `unreachable: silent`
	MTU       int            // of the clients' TUN; 0 = 1500
	Idle      uint16         // seconds after which an idle UDP session ends; 0 = 300
	Store     state.Remote   // external NATS; zero = embedded
	// Prefix4 and Prefix6 are where device addresses come from; used at the first start.
	Prefix4, Prefix6 netip.Prefix
	Metrics          string // TCP host:port at which Prometheus is answered; "" = none
	Memory           uint64 // bytes that the process may hold, of which what strangers may take is a part; 0 = nobody says
	Version          string
	Log              *zap.Logger
}

// badField says what is wrong with a setting of the edge, and what to write instead.
func badField(field, text, hint string) error { return conf.BadField("edge", field, text, hint) }

// badItem is badField for one of a list.
func badItem(field string, i int, text, hint string) error {
	return conf.BadItem("edge", field, i, text, hint)
}

// metricsHint is for who has not written where Prometheus is answered.
const metricsHint = "name a free HOST:PORT of this host, such as 127.0.0.1:9174"

// check validates and fills in defaults.
func (c *Config) check() error {
	if c.StateDir == "" {
		return badField("state_dir", "it is empty", "name a directory that this user may write")
	}
	if c.Listen == "" {
		c.Listen = net.JoinHostPort("", strconv.Itoa(proto.Port))
	}
	if err := conf.CheckListen(c.Listen); err != nil {
		return badField("listen", err.Error(), "write HOST:PORT, such as 0.0.0.0:7844")
	}
	if len(c.Advertise) > proto.MaxEdges {
		return badField("advertise", fmt.Sprintf("%d addresses, %d are allowed", len(c.Advertise), proto.MaxEdges), "name a DNS name in the place of several")
	}
	for i, a := range c.Advertise {
		if err := conf.CheckDial(a); err != nil {
			return badItem("advertise", i, err.Error(), "write HOST:PORT as nodes reach this edge, such as edge.example.com:7844")
		}
	}
	if c.Metrics != "" {
		if err := conf.CheckListen(c.Metrics); err != nil {
			return badField("metrics", err.Error(), metricsHint)
		}
	}
	if c.MTU != 0 && (c.MTU < packet.MinMTU6 || c.MTU > 65535) {
		return badField("mtu", fmt.Sprintf("%d is not between %d and 65535", c.MTU, packet.MinMTU6), "leave it out for 1500")
	}
	if err := checkHops(c.Hops); err != nil {
		return err
	}
	for i, p := range c.Capture {
		if err := model.CheckPrefix(p); err != nil {
			return badItem("capture", i, err.Error(), advice.Of(err))
		}
	}
	if c.Prefix4.IsValid() {
		if err := model.CheckPool4(c.Prefix4); err != nil {
			return badField("prefix4", err.Error(), advice.Of(err))
		}
	}
	if c.Prefix6.IsValid() {
		if err := model.CheckPool6(c.Prefix6); err != nil {
			return badField("prefix6", err.Error(), advice.Of(err))
		}
	}
	if err := state.CheckCapture(len(c.Capture) + maxHops); err != nil {
		return captureError(err)
	}
	if err := c.Store.Validate(); err != nil {
		return err
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return nil
}

// maxHops is the number of hop addresses at most, one per family; clients capture them, too.
const maxHops = 2

// captureError is about a list of captured prefixes that is too long together with the stored one.
func captureError(err error) error {
	return badField("capture", err.Error(), "name a shorter prefix in the place of several")
}

func checkHops(hops []netip.Addr) error {
	var v4, v6 int
	for i, a := range hops {
		if !a.IsGlobalUnicast() || a.Is4In6() || a.Zone() != "" {
			return badItem("hops", i, a.String()+" is not a unicast address", "name an address that no host uses, such as 192.0.0.8")
		}
		if a.Is4() {
			v4++
		} else {
			v6++
		}
	}
	if v4 > 1 || v6 > 1 {
		return badField("hops", "more than one address of a family", "a router answers from one address: one --hop per family")
	}
	return nil
}
