package state

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// Why is why the store refuses something.
type Why uint8

// What of a Refusal is filled in beside its text is said in parentheses.
const (
	NoTunnel         Why = iota + 1 // there is none of that name or id (Object)
	NoDevice                        // there is none of that id (Object)
	NoRoute                         // there is none of exactly that prefix (Object)
	NoConnector                     // there is none of that id (Object)
	NoCapture                       // the prefix is not captured (Object)
	NoToken                         // there is none of that id (Object)
	NoUser                          // nothing of the store is that user's (Object)
	NoTunnelForRoute                // a route names a tunnel that does not exist (Object)
	BadName                         // a tunnel cannot have it (Object)
	NameTaken                       // another tunnel has it (Object)
	RouteTaken                      // the prefix has a route (Object)
	HasRoutes                       // routes point to the tunnel (Object, Routes)
	HasGrants                       // grants name the tunnel (Object)
	StillRouted                     // the prefix has a route and cannot be released (Object)
	BadLimit                        // a tunnel cannot have so many connectors
	PolicyLarge                     // a policy does not fit into the store
	CaptureFull                     // more prefixes than a client takes
	TokenSpent                      // a token that was used cannot be cancelled (Object: the device)

	TokenUnknown   // no such token, or another secret
	TokenRotated   // a newer token of its tunnel replaced it
	TokenWithdrawn // an administrator has cancelled it, one of a device
	TokenCancelled // the same of a tunnel's (Object: the tunnel)
	TokenUsed      // a device token works once
	TokenExpired   // its time is over
	TokenEarly     // its time has not come: the clock was ahead when it was made
	TokenOrphaned  // its tunnel was deleted
	ConnectorsFull // the tunnel has as many connectors as it may have (Object)
	PoolFull       // a device pool has no address left (Object)
)

// Refusal is a change, or the use of a token, that the store refuses. What a person can do about it
// is said by whoever speaks to that person.
type Refusal struct {
	Why    Why
	Object string         // what it is about
	Routes []netip.Prefix // that are in the way
	text   string
}

// Error says what was refused.
func (r *Refusal) Error() string { return r.text }

// Is makes errors.Is(err, ErrNotFound) and errors.Is(err, ErrToken) tell the kinds apart.
func (r *Refusal) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return r.Why >= NoTunnel && r.Why <= NoTunnelForRoute
	case ErrToken:
		return r.Why >= TokenUnknown && r.Why <= PoolFull
	}
	return false
}

// ErrNotFound is found (errors.Is) in the error about a tunnel, route, device or token that does
// not exist.
var ErrNotFound = errors.New("not found")

// ErrToken is found (errors.Is) in the error about a token, or a node with one, that is not let in.
var ErrToken = errors.New("token refused")

// shown is a name that somebody has typed, fit for a message: in quotes where it holds anything
// that is no name's.
func shown(name string) string {
	if len(name) <= 64 && name == term.Printable(name) && !strings.Contains(name, " ") && name != "" {
		return name
	}
	return strconv.Quote(term.Printable(name[:min(64, len(name))]))
}

// NotFound returns the *Refusal of something that does not exist: why is NoTunnel, NoDevice,
// NoConnector, NoRoute, NoCapture, NoToken or NoUser, object its name.
func NotFound(why Why, object string) error {
	if why == NoUser {
		return &Refusal{Why: why, Object: object, text: "no device is " + shown(object) + "'s, and no token"}
	}
	noun := map[Why]string{NoTunnel: "tunnel ", NoDevice: "device ", NoConnector: "connector ", NoRoute: "route ", NoCapture: "captured prefix ", NoToken: "token "}[why]
	return &Refusal{Why: why, Object: object, text: noun + shown(object) + " does not exist"}
}

func badName(name string) error {
	return &Refusal{Why: BadName, Object: name, text: fmt.Sprintf("create tunnel %q: not a valid name", name)}
}

func nameTaken(name string) error {
	return &Refusal{Why: NameTaken, Object: name, text: "create tunnel " + name + ": the name is taken"}
}

func badNewName(name string) error {
	return &Refusal{Why: BadName, Object: name, text: fmt.Sprintf("rename tunnel to %q: not a valid name", name)}
}

func renameTaken(tunnel, name string) error {
	return &Refusal{Why: NameTaken, Object: name, text: "rename tunnel " + tunnel + " to " + name + ": the name is taken"}
}

func hasRoutes(name string, routes []netip.Prefix) error {
	return &Refusal{Why: HasRoutes, Object: name, Routes: routes, text: fmt.Sprintf("delete tunnel %s: routes point to it (%d)", name, len(routes))}
}

func hasGrants(name string, grants []string) error {
	return &Refusal{Why: HasGrants, Object: name, text: fmt.Sprintf("delete tunnel %s: grants name it (%s)", name, term.Few(grants))}
}

func noTunnelFor(p netip.Prefix, tunnel string) error {
	return &Refusal{Why: NoTunnelForRoute, Object: tunnel, text: fmt.Sprintf("add route %s: tunnel %s does not exist", p, shown(tunnel))}
}

func routeTaken(p netip.Prefix, tunnel string) error {
	return &Refusal{Why: RouteTaken, Object: p.String(), text: fmt.Sprintf("add route %s: it exists already, to tunnel %s", p, tunnel)}
}

func stillRouted(p netip.Prefix) error {
	return &Refusal{Why: StillRouted, Object: p.String(), text: fmt.Sprintf("release %s: a route of that prefix exists", p)}
}

func captureFull(n int) error {
	return &Refusal{Why: CaptureFull, text: fmt.Sprintf("%d prefixes are captured, a client takes %d at most", n, proto.MaxCapture)}
}

func policyLarge(n int) error {
	return &Refusal{Why: PolicyLarge, text: fmt.Sprintf("the policy takes %s bytes in the store, %s are allowed", term.Thousands(n), term.Thousands(MaxPolicy))}
}

func badLimit(n int) error {
	return &Refusal{Why: BadLimit, text: fmt.Sprintf("%d connectors: a tunnel may have 1 to %d", n, model.MostConnectors)}
}

func connectorsFull(t model.Tunnel) error {
	return &Refusal{Why: ConnectorsFull, Object: t.Name, text: fmt.Sprintf("tunnel %s has %s already, as many as it may have", t.Name, term.Count(t.Limit(), "connector"))}
}

func poolFull(sn *model.Snapshot, pool netip.Prefix) error {
	return &Refusal{Why: PoolFull, Object: pool.String(), text: fmt.Sprintf("the pool %s is full: %s have all of its addresses", pool, term.Count(given(sn, pool), "device"))}
}

// tokenSpent is about a device token that has enrolled a device: who wants that one out revokes it.
func tokenSpent(t *model.Token) error {
	return &Refusal{Why: TokenSpent, Object: t.Device, text: fmt.Sprintf("cancel token %s: device %s has enrolled with it", t.ID, t.Device)}
}

const textWithdrawn = "the token was withdrawn"

// tokenRefused is about a token; ago is how long that has been so.
func tokenRefused(why Why, ago time.Duration) error {
	text := map[Why]string{
		TokenUnknown:   "this edge does not know the token",
		TokenRotated:   "the token was rotated: a newer one replaced it",
		TokenWithdrawn: textWithdrawn,
		TokenUsed:      "the token was used already, " + term.Span(ago) + " ago; a device token works once",
		TokenExpired:   "the token expired " + term.Span(ago) + " ago",
		TokenEarly:     "the token was made " + term.Span(-ago) + " from now: the edge's clock was ahead then",
		TokenOrphaned:  "the token's tunnel was deleted",
	}[why]
	return &Refusal{Why: why, text: text}
}
