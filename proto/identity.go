package proto

import (
	"fmt"
	"net/url"
	"strings"
)

// Role says what a node is.
type Role string

// The three roles.
const (
	RoleClient    Role = "client"
	RoleConnector Role = "connector"
	RoleEdge      Role = "edge"
)

// Identity is what a node's certificate says about it, carried as the only URI
// subject alternative name:
//
//	oneping://client/DEVICE
//	oneping://connector/TUNNEL/REPLICA
//	oneping://edge/EDGE
type Identity struct {
	Role   Role
	ID     string // device, replica or edge id
	Tunnel string // id of the tunnel that a connector serves, else empty
}

// URI returns the identity as it stands in a certificate.
func (i Identity) URI() *url.URL {
	path := "/" + i.ID
	if i.Role == RoleConnector {
		path = "/" + i.Tunnel + "/" + i.ID
	}
	return &url.URL{Scheme: "oneping", Host: string(i.Role), Path: path}
}

// String returns the URI.
func (i Identity) String() string { return i.URI().String() }

// ParseIdentity reads what URI wrote.
func ParseIdentity(u *url.URL) (Identity, error) {
	parts := strings.Split(strings.TrimPrefix(u.Path, "/"), "/")
	role := Role(u.Host)
	want := map[Role]int{RoleClient: 1, RoleEdge: 1, RoleConnector: 2}[role]
	if u.Scheme != "oneping" || want == 0 || len(parts) != want || parts[0] == "" || parts[want-1] == "" {
		return Identity{}, fmt.Errorf("parse identity %q: want oneping://ROLE/ID", u)
	}
	id := Identity{Role: role, ID: parts[want-1]}
	if role == RoleConnector {
		id.Tunnel = parts[0]
	}
	return id, nil
}
