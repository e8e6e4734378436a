package connector

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/oneping/oneping/internal/term"
)

const (
	// privilegedPorts are those below it: a socket of an unprivileged process has another.
	privilegedPorts = 1024
	// tftpPort is where TFTP is asked; it answers from another port (RFC 1350 §4).
	tftpPort = 69
)

// unkept counts what was asked of this connector that a process without privileges cannot keep, as
// far as it can notice (docs/unprivileged.md). The sessions and flows are opened all the same: most
// servers do not mind.
type unkept struct{ sourcePorts, otherPorts atomic.Uint64 }

// note looks at a new session or flow.
func (u *unkept) note(src, dst netip.AddrPort, udp bool) {
	if src.Port() < privilegedPorts {
		u.sourcePorts.Add(1)
	}
	if udp && dst.Port() == tftpPort {
		u.otherPorts.Add(1)
	}
}

// status returns what was counted.
func (u *unkept) status() Unkept {
	return Unkept{SourcePorts: u.sourcePorts.Load(), OtherPorts: u.otherPorts.Load()}
}

// Unkept is how many sessions and flows wanted what an unprivileged connector cannot keep.
type Unkept struct {
	SourcePorts uint64 `json:"source_port"`           // came from a port below 1024, and left from another
	OtherPorts  uint64 `json:"answer_from_elsewhere"` // ask TFTP, whose answers come from another port and are lost
}

// String says it for people; empty where there is nothing to say.
func (u Unkept) String() string {
	var parts []string
	if u.SourcePorts > 0 {
		parts = append(parts, fmt.Sprintf("%s from a port below 1024, which left from another", term.Count(int(u.SourcePorts), "session")))
	}
	if u.OtherPorts > 0 {
		parts = append(parts, fmt.Sprintf("%s of TFTP, whose answers come from another port and are lost", term.Count(int(u.OtherPorts), "session")))
	}
	return strings.Join(parts, "; ")
}
