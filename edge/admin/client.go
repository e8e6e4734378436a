package admin

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// Client asks the admin API of an edge on this machine: one method for each request. What the
// edge refuses comes back as its error, with its hint; errors.Is(err, local.ErrNotRunning) where
// no edge runs.
type Client struct {
	socket string
}

// NewClient returns a client of the edge that serves the Unix socket.
func NewClient(socket string) *Client { return &Client{socket: socket} }

// Tunnels lists the tunnels by name.
func (c *Client) Tunnels(ctx context.Context) ([]Tunnel, error) {
	return ask[[]Tunnel](ctx, c, http.MethodGet, "/v1/tunnels", nil)
}

// Tunnel returns one tunnel by its name or id.
func (c *Client) Tunnel(ctx context.Context, name string) (Tunnel, error) {
	return ask[Tunnel](ctx, c, http.MethodGet, tunnelPath(name), nil)
}

// CreateTunnel makes a tunnel that may have so many connectors; 0 = model.DefaultConnectors.
func (c *Client) CreateTunnel(ctx context.Context, name string, connectors int) (Tunnel, error) {
	return ask[Tunnel](ctx, c, http.MethodPost, "/v1/tunnels", createTunnelRequest{Name: name, MaxConnectors: connectors})
}

// SetMaxConnectors changes how many connectors a tunnel, by its name or id, may have.
func (c *Client) SetMaxConnectors(ctx context.Context, name string, connectors int) (Tunnel, error) {
	return ask[Tunnel](ctx, c, http.MethodPatch, tunnelPath(name), setTunnelRequest{MaxConnectors: connectors})
}

// RenameTunnel gives a tunnel, by its name or id, another name; grants follow.
func (c *Client) RenameTunnel(ctx context.Context, old, name string) (RenamedTunnel, error) {
	return ask[RenamedTunnel](ctx, c, http.MethodPost, tunnelPath(old)+"/rename", renameRequest{Name: name})
}

// DeleteTunnel deletes a tunnel, by its name or id, with its tokens and connectors.
func (c *Client) DeleteTunnel(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, tunnelPath(name), nil, nil)
}

// TunnelToken returns the token that a tunnel's connectors enrol with.
func (c *Client) TunnelToken(ctx context.Context, name string) (Token, error) {
	return ask[Token](ctx, c, http.MethodPost, tunnelPath(name)+"/token", tunnelTokenRequest{})
}

// RotateToken returns a new token of a tunnel, which makes the earlier ones useless. With evict the
// connectors that enrolled with these are put out.
func (c *Client) RotateToken(ctx context.Context, name string, evict bool) (Token, error) {
	return ask[Token](ctx, c, http.MethodPost, tunnelPath(name)+"/token", tunnelTokenRequest{Rotate: true, Evict: evict})
}

// Connectors lists the connectors of a tunnel (name or id), "" for those of all.
func (c *Client) Connectors(ctx context.Context, tunnel string) ([]Connector, error) {
	return askWith[[]Connector](ctx, c, "/v1/connectors", url.Values{"tunnel": {tunnel}})
}

// RevokeConnector shuts a connector, named by its id or an unambiguous beginning of that, out for
// good.
func (c *Client) RevokeConnector(ctx context.Context, id string) (Connector, error) {
	return ask[Connector](ctx, c, http.MethodPost, "/v1/connectors/"+segment(id)+"/revoke", nil)
}

// Routes lists the routes in the order of their prefixes.
func (c *Client) Routes(ctx context.Context) ([]Route, error) {
	return ask[[]Route](ctx, c, http.MethodGet, "/v1/routes", nil)
}

// AddRoute points a prefix, or one address, to a tunnel (name or id). A very short one (CheckWidth) is
// refused but where wide says that it is meant.
func (c *Client) AddRoute(ctx context.Context, prefix, tunnel string, wide bool) (Route, error) {
	return ask[Route](ctx, c, http.MethodPost, "/v1/routes", addRouteRequest{Prefix: prefix, Tunnel: tunnel, Wide: wide})
}

// DeleteRoute deletes the route of exactly that prefix.
func (c *Client) DeleteRoute(ctx context.Context, prefix string) error {
	return c.do(ctx, http.MethodDelete, "/v1/routes", url.Values{"prefix": {prefix}}, nil)
}

// Lookup says where an address goes.
func (c *Client) Lookup(ctx context.Context, addr string) (Lookup, error) {
	return askWith[Lookup](ctx, c, "/v1/routes/lookup", url.Values{"addr": {addr}})
}

// Captured lists the prefixes that were ever routed or added.
func (c *Client) Captured(ctx context.Context) ([]netip.Prefix, error) {
	return ask[[]netip.Prefix](ctx, c, http.MethodGet, "/v1/capture", nil)
}

// AddCapture makes clients take a prefix off their hosts; wide is as for AddRoute.
func (c *Client) AddCapture(ctx context.Context, prefix string, wide bool) error {
	return c.do(ctx, http.MethodPost, "/v1/capture", nil, addCaptureRequest{Prefix: prefix, Wide: wide})
}

// RemoveCapture gives a prefix back to the clients' hosts.
func (c *Client) RemoveCapture(ctx context.Context, prefix string) error {
	return c.do(ctx, http.MethodDelete, "/v1/capture", url.Values{"prefix": {prefix}}, nil)
}

// Devices lists the devices in the order of their addresses.
func (c *Client) Devices(ctx context.Context) ([]Device, error) {
	return ask[[]Device](ctx, c, http.MethodGet, "/v1/devices", nil)
}

// Device returns one device by its id, an unambiguous beginning of it, one of its addresses, or what
// it alone is called.
func (c *Client) Device(ctx context.Context, id string) (Device, error) {
	return ask[Device](ctx, c, http.MethodGet, devicePath(id), nil)
}

// RevokeDevice shuts a device, named as for Device, out for good.
func (c *Client) RevokeDevice(ctx context.Context, id string) (Device, error) {
	return ask[Device](ctx, c, http.MethodPost, devicePath(id)+"/revoke", nil)
}

// DeleteDevice shuts a device, named as for Device, out for good and forgets it.
func (c *Client) DeleteDevice(ctx context.Context, id string) (Device, error) {
	return ask[Device](ctx, c, http.MethodDelete, devicePath(id), nil)
}

// RenameDevice changes what a device, named as for Device, is called.
func (c *Client) RenameDevice(ctx context.Context, id, name string) (Device, error) {
	return ask[Device](ctx, c, http.MethodPatch, devicePath(id), renameRequest{Name: name})
}

// RevokeUser revokes the devices of a user, and cancels the tokens that would enrol others.
func (c *Client) RevokeUser(ctx context.Context, user string) (RevokedUser, error) {
	return ask[RevokedUser](ctx, c, http.MethodPost, "/v1/users/"+segment(user)+"/revoke", nil)
}

// Tokens lists the tokens that could still enrol somebody; with all those, too, that could once.
func (c *Client) Tokens(ctx context.Context, all bool) ([]IssuedToken, error) {
	query := url.Values{}
	if all {
		query.Set("all", "1")
	}
	return askWith[[]IssuedToken](ctx, c, "/v1/tokens", query)
}

// CancelToken makes a token, named by its id or an unambiguous beginning of that, useless.
func (c *Client) CancelToken(ctx context.Context, id string) (IssuedToken, error) {
	return ask[IssuedToken](ctx, c, http.MethodPost, "/v1/tokens/"+segment(id)+"/cancel", nil)
}

// DeviceToken makes a token that enrols one device for user, once, within life (whole seconds; 0 =
// an hour).
func (c *Client) DeviceToken(ctx context.Context, user string, life time.Duration) (Token, error) {
	return ask[Token](ctx, c, http.MethodPost, "/v1/tokens", deviceTokenRequest{User: user, TTL: int(life.Seconds())})
}

// Policy returns the policy in force, and its text.
func (c *Client) Policy(ctx context.Context) (Policy, error) {
	return ask[Policy](ctx, c, http.MethodGet, "/v1/policy", nil)
}

// ApplyPolicy replaces the policy as a whole by a YAML document.
func (c *Client) ApplyPolicy(ctx context.Context, text string) (Applied, error) {
	return ask[Applied](ctx, c, http.MethodPut, "/v1/policy", applyPolicyRequest{Text: text})
}

// ReplacePolicy is ApplyPolicy where the text in force is still the one that base names (Policy.Base).
func (c *Client) ReplacePolicy(ctx context.Context, text, base string) (Applied, error) {
	return ask[Applied](ctx, c, http.MethodPut, "/v1/policy", applyPolicyRequest{Text: text, Base: base})
}

// DiffPolicy checks a YAML document and says what applying it would change.
func (c *Client) DiffPolicy(ctx context.Context, text string) (Applied, error) {
	return ask[Applied](ctx, c, http.MethodPost, "/v1/policy/diff", applyPolicyRequest{Text: text})
}

// Denials lists what was denied to a user ("" = to all) after since, the newest first.
func (c *Client) Denials(ctx context.Context, user string, since time.Time) ([]policy.Denied, error) {
	query := url.Values{"user": {user}}
	if !since.IsZero() {
		query.Set("since", since.Format(time.RFC3339Nano))
	}
	return askWith[[]policy.Denied](ctx, c, "/v1/denials", query)
}

// ExplainDecision says why something was denied, by the id of the denial.
func (c *Client) ExplainDecision(ctx context.Context, id string) (Explanation, error) {
	return askWith[Explanation](ctx, c, "/v1/explain", url.Values{"id": {id}})
}

// Explain says what the policy answers now to src (a user, or a device's id or address) about dst
// (see policy.ParseTarget).
func (c *Client) Explain(ctx context.Context, src, dst string) (Explanation, error) {
	return askWith[Explanation](ctx, c, "/v1/explain", url.Values{"src": {src}, "dst": {dst}})
}

// Backup returns the edge's state as a file: edge.ReadBackup.
func (c *Client) Backup(ctx context.Context) ([]byte, error) {
	return local.Fetch(ctx, c.socket, string(proto.RoleEdge), "/v1/backup")
}

// AuditLog returns the last n audit events, oldest first.
func (c *Client) AuditLog(ctx context.Context, n int) ([]state.AuditEvent, error) {
	return askWith[[]state.AuditEvent](ctx, c, "/v1/audit", url.Values{"n": {strconv.Itoa(n)}})
}

func tunnelPath(name string) string { return "/v1/tunnels/" + segment(name) }
func devicePath(id string) string   { return "/v1/devices/" + segment(id) }

// segment returns text as one segment of a path. "." and ".." are segments with a meaning (RFC 3986
// §3.3) unless they are escaped, too.
func segment(text string) string {
	if text == "." || text == ".." {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}

// do sends one request whose answer says nothing.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in any) error {
	return local.Do(ctx, c.socket, string(proto.RoleEdge), method, withQuery(path, query), in, nil)
}

// ask sends one request and returns the answer.
func ask[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	err = local.Do(ctx, c.socket, string(proto.RoleEdge), method, path, in, &out)
	return out, err
}

// askWith gets what path answers to a query.
func askWith[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return ask[T](ctx, c, http.MethodGet, withQuery(path, query), nil)
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}
