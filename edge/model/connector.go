package model

import "time"

// Connector is one enrolled connector of a tunnel.
type Connector struct {
	ID       string    `json:"id"`
	Tunnel   string    `json:"tunnel"`          // tunnel id
	Token    string    `json:"token,omitempty"` // id of the token that it enrolled with; "" = before that was kept
	Hostname string    `json:"hostname"`
	OS       string    `json:"os"`
	KeyHash  []byte    `json:"key_hash"` // SHA-256 of its public key (SubjectPublicKeyInfo)
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
	Revoked  bool      `json:"revoked,omitempty"`
}
