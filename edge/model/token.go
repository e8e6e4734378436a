package model

import "time"

// Token is the edge's record of a token: never the secret itself.
type Token struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind"` // proto.TokenDevice, proto.TokenTunnel
	Hash    []byte     `json:"hash"` // SHA-256 of the secret
	Tunnel  string     `json:"tunnel,omitempty"`
	User    string     `json:"user,omitempty"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
	Used    *time.Time `json:"used,omitempty"`
	UsedBy  []byte     `json:"used_by,omitempty"` // key hash of the device: the same key may ask again when the answer got lost
	Device  string     `json:"device,omitempty"`  // device id that a used device token made
	Revoked bool       `json:"revoked,omitempty"` // rotated or withdrawn
	// Cancelled says of a revoked token that an administrator has withdrawn it, and none replaced it.
	Cancelled bool `json:"cancelled,omitempty"`
}
