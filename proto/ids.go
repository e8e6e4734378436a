package proto

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
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
