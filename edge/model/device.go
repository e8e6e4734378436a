package model

import (
	"net/netip"
	"time"
)

// Device is one enrolled client. One that was revoked long ago may have no addresses any more:
// another device has them.
type Device struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"` // host name, or what an administrator has called it
	User     string     `json:"user"`
	OS       string     `json:"os"`
	Addr4    netip.Addr `json:"addr4"`
	Addr6    netip.Addr `json:"addr6"`
	KeyHash  []byte     `json:"key_hash"`
	Created  time.Time  `json:"created"`
	LastSeen time.Time  `json:"last_seen"`
	Revoked  bool       `json:"revoked,omitempty"`
	// RevokedAt is when it was revoked; zero where that was before it was noted.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	// Deleted says that nobody is to see it any more. It is revoked, too, and kept until its
	// addresses have rested.
	Deleted bool `json:"deleted,omitempty"`
}

// Addrs returns the device's addresses, at most one per family.
func (d *Device) Addrs() []netip.Addr {
	var a []netip.Addr
	for _, x := range []netip.Addr{d.Addr4, d.Addr6} {
		if x.IsValid() {
			a = append(a, x)
		}
	}
	return a
}
