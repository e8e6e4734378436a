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
}

// tunnelName is what a tunnel may be called: it stands in commands, grants and file names.
var tunnelName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// IsTunnelName says whether a tunnel may have that name.
func IsTunnelName(s string) bool { return tunnelName.MatchString(s) }
