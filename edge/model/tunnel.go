package model

import (
	"regexp"
	"time"
)

// Tunnel is the administrative object that routes point to. The connectors that enrolled with
// its token serve it together.
type Tunnel struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// MaxConnectors is how many connectors may be enrolled at a time; 0 = DefaultConnectors.
	MaxConnectors int `json:"max_connectors,omitempty"`
}

const (
	// DefaultConnectors is how many connectors a tunnel has at most where nothing else is said. It
	// is small: whoever has the tunnel's token enrols as many as it allows, and draws traffic.
	DefaultConnectors = 8
	// MostConnectors is the highest such bound that a tunnel can be given.
	MostConnectors = 2048
)

// Limit returns how many connectors the tunnel may have.
func (t Tunnel) Limit() int {
	if t.MaxConnectors == 0 {
		return DefaultConnectors
	}
	return t.MaxConnectors
}

// tunnelName is what a tunnel may be called: it stands in commands, grants and file names.
var tunnelName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// IsTunnelName says whether a tunnel may have that name.
func IsTunnelName(s string) bool { return tunnelName.MatchString(s) }
