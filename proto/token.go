package proto

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// TokenPrefix opens every token, so that people and secret scanners know one.
const TokenPrefix = "op1_"

// TokenKind says what may be enrolled with a token.
type TokenKind string

// The kinds of token.
const (
	TokenDevice TokenKind = "device" // single use, short lived
	TokenTunnel TokenKind = "tunnel" // reusable until rotated or revoked
)

// Token lets one device, or the connectors of one tunnel, enrol. It is one
// string: "op1_" and base64url of JSON. The secret inside is stored by the edge
// as a hash only; never log a token.
type Token struct {
	Kind   TokenKind `json:"k"`
	Edges  []string  `json:"e"` // addresses of edges, host:port, tried in order
	CA     []byte    `json:"c"` // SHA-256 of the CA's public key (SubjectPublicKeyInfo)
	ID     string    `json:"i"`
	Secret []byte    `json:"s"` // 32 bytes
}

// String returns the token as people copy it.
func (t Token) String() string {
	body, err := json.Marshal(t)
	if err != nil { // a struct of strings and bytes always marshals
		return ""
	}
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(body)
}

// ParseToken reads a token; surrounding white space is dropped. The error
// never quotes the token.
func ParseToken(s string) (Token, error) {
	s = strings.TrimSpace(s)
	body, ok := strings.CutPrefix(s, TokenPrefix)
	if !ok {
		return Token{}, errors.New("parse token: it does not start with " + TokenPrefix)
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return Token{}, errors.New("parse token: not base64url; was it cut short when it was copied?")
	}
	var t Token
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := dec.Decode(&t); err != nil {
		return Token{}, errors.New("parse token: its contents are damaged; copy it again")
	}
	switch {
	case t.Kind != TokenDevice && t.Kind != TokenTunnel:
		return Token{}, fmt.Errorf("parse token: unknown kind %q; is this oneping too old for it?", t.Kind)
	case len(t.Edges) == 0 || len(t.CA) != 32 || t.ID == "" || len(t.Secret) != 32:
		return Token{}, errors.New("parse token: a part of it is missing; copy it again")
	}
	return t, nil
}
