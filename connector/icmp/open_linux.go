package icmp

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
)

// NewTransport returns the first transport of mode that this host allows.
func NewTransport(mode Mode) (Transport, error) {
	switch mode {
	case Ping:
		t, err := newPing()
		if err != nil {
			return nil, newOff(err, GroupRangeCommand())
		}
		return t, nil
	case Raw:
		t, err := newRaw()
		if err != nil {
			return nil, newOff(err, "setcap cap_net_raw+ep "+executable())
		}
		return t, nil
	case Auto, "":
		return firstTransport()
	}
	return nil, fmt.Errorf("choose ICMP mode: %q is none of auto, ping, raw", mode)
}

func firstTransport() (Transport, error) {
	ping, err := newPing()
	if err == nil {
		return ping, nil
	}
	raw, rawErr := newRaw()
	if rawErr == nil {
		return raw, nil
	}
	return nil, newOff(fmt.Errorf("%w; %w", err, rawErr), GroupRangeCommand())
}

// GroupRangeCommand returns the command that opens ping sockets, IPv6 ones
// included, to this process. The kernel accepts supplementary groups too, but the
// effective one is the one that a service has for certain.
func GroupRangeCommand() string {
	return GroupRangeCommandFor(unix.Getegid())
}

// GroupRangeCommandFor is GroupRangeCommand for another group.
func GroupRangeCommandFor(gid int) string { return sock.OpenPing(gid) }

func executable() string {
	path, err := os.Executable()
	if err != nil {
		return "oneping"
	}
	return path
}
