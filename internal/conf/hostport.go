package conf

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// CheckListen reads HOST:PORT of a listener: the host may be left out, and port 0 asks for any.
func CheckListen(s string) error {
	_, _, err := hostPort(s)
	return err
}

// CheckDial reads HOST:PORT under which somebody else reaches this host: a name, or an address that can
// be reached from another machine.
func CheckDial(s string) error {
	host, port, err := hostPort(s)
	if err != nil {
		return err
	}
	if port == 0 {
		return fmt.Errorf("%q has no valid port", s)
	}
	if host == "" {
		return fmt.Errorf("%q names no host", s)
	}
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil: // a name
		return nil
	case a.IsUnspecified(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%q names no host: nobody can send to %s", s, a)
	case a.Zone() != "":
		return fmt.Errorf("%q: the zone %%%s means something on this host only", s, a.Zone())
	}
	return nil
}

func hostPort(s string) (host string, port uint16, err error) {
	host, word, err := net.SplitHostPort(s)
	if err != nil {
		if addr, ok := errors.AsType[*net.AddrError](err); ok && addr.Err == "too many colons in address" {
			return "", 0, fmt.Errorf("%q is not HOST:PORT: an IPv6 address stands in brackets, [fd00::1]:7844", s)
		}
		return "", 0, fmt.Errorf("%q is not HOST:PORT", s)
	}
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no valid port", s)
	}
	if strings.ContainsAny(host, " \t\r\n/@") {
		return "", 0, fmt.Errorf("%q is not HOST:PORT", s)
	}
	return host, uint16(n), nil
}

// CheckPath refuses a path that only a shell understands.
func CheckPath(of, field, path string) error {
	if strings.HasPrefix(path, "~") {
		return BadField(of, field, strconv.Quote(path)+": only a shell knows ~", "write the whole path")
	}
	return nil
}
