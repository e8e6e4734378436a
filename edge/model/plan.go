package model

import "net/netip"

// Plan is where device addresses come from. It is chosen at an edge's first start and kept.
type Plan struct {
	Prefix4 netip.Prefix `json:"prefix4"`
	Prefix6 netip.Prefix `json:"prefix6"`
}
