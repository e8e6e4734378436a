package proto

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// SessionID names one UDP session for its whole life; chosen by the client
// from crypto/rand.
type SessionID uint64

// NewSessionID returns a random, non-zero id.
func NewSessionID() SessionID { return SessionID(randomUint64()) }

// String returns 16 hexadecimal digits.
func (id SessionID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// DecisionID names one "no" of the policy, so that the person who was denied
// and the admin can speak of the same thing. Zero means no decision.
type DecisionID uint64

// NewDecisionID returns a random, non-zero id.
func NewDecisionID() DecisionID { return DecisionID(randomUint64()) }

// String returns 16 hexadecimal digits, as the CLI shows and takes them.
func (id DecisionID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// MarshalText implements encoding.TextMarshaler.
func (id DecisionID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *DecisionID) UnmarshalText(b []byte) error {
	v, err := ParseDecisionID(string(b))
	*id = v
	return err
}

// ParseDecisionID reads what String wrote.
func ParseDecisionID(s string) (DecisionID, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		return 0, fmt.Errorf("parse decision id %q: want 16 hexadecimal digits", s)
	}
	return DecisionID(v), nil
}

// FlowID names one TCP flow for its whole life, on whatever link it travels;
// chosen by the client from crypto/rand.
type FlowID [16]byte

// NewFlowID returns a random id.
func NewFlowID() FlowID {
	var id FlowID
	_, _ = rand.Read(id[:]) // crypto/rand.Read never fails (Go 1.24)
	return id
}

// String returns 32 hexadecimal digits.
func (id FlowID) String() string { return hex.EncodeToString(id[:]) }

// NewID returns a short random name for things people see: tunnels, replicas,
// devices, tokens. 80 bits, lower case, no padding.
func NewID() string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

func randomUint64() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:])
		if v := binary.BigEndian.Uint64(b[:]); v != 0 {
			return v
		}
	}
}

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
