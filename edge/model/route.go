package model

import (
	"net/netip"
	"time"
)

// Route is a desired prefix → tunnel entry (RIB).
type Route struct {
	Prefix  netip.Prefix `json:"prefix"`
	Tunnel  string       `json:"tunnel"` // tunnel id
	Created time.Time    `json:"created"`
}
