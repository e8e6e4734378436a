package state

import (
	"net/netip"
	"strings"
)

// Names in JetStream. Renaming one loses what is stored under the old name.
const (
	bucketState = "oneping"       // desired state, durable
	bucketSeen  = "oneping-seen"  // when a node was last seen: coarse, its loss is harmless
	streamAudit = "oneping-audit" // what was changed, by whom
	subjAudit   = "oneping.audit"
)

// Kinds of key in the state bucket; the value is the JSON of the named type.
// "oneping" keys, by kind:
//
//	tunnel.ID                Tunnel
//	replica.ID               Connector (the name that the first stores gave it)
//	route.-.PREFIX           Route     (':' of IPv6 is written '_')
//	device.ID                Device
//	token.ID                 Token
//	capture.PREFIX           netip.Prefix
//	policy                   Policy
//	plan                     Plan
//
// "oneping-seen" keys: the id of a device or connector; the value is a time.Time.
const (
	kindTunnel    = "tunnel"
	kindConnector = "replica"
	kindRoute     = "route"
	kindDevice    = "device"
	kindToken     = "token"
	kindCapture   = "capture"
	kindPolicy    = "policy"
	kindPlan      = "plan"
)

func keyTunnel(id string) string    { return kindTunnel + "." + id }
func keyConnector(id string) string { return kindConnector + "." + id }
func keyDevice(id string) string    { return kindDevice + "." + id }
func keyToken(id string) string     { return kindToken + "." + id }

// keyRoute has a place, "-", for a name between several routes of one prefix; there is one.
func keyRoute(p netip.Prefix) string { return kindRoute + ".-." + prefixKey(p) }

func keyCapture(p netip.Prefix) string { return kindCapture + "." + prefixKey(p) }

// prefixKey writes a prefix with the letters that a key may have. "::/0" would
// open with '_', which is fine; a key may only not open or end with '.'.
func prefixKey(p netip.Prefix) string { return strings.ReplaceAll(p.String(), ":", "_") }

// keyText is a key as it is named to people: by what its kind is called today.
func keyText(key string) string {
	if id, ok := strings.CutPrefix(key, kindConnector+"."); ok {
		return "connector." + id
	}
	return key
}
