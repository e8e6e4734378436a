package probe

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/net/icmp"
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
)

// macOS lets any user open datagram sockets of ICMP, send echo requests by them, and hear on them every
// ICMP message that this host receives, those about UDP and TCP included; so nothing here needs
// root. Unlike Linux, a socket is not told what is said about its own packets alone, and our kernel
// does not say how long a packet may be that it finds too long: the MTU of the device stands for
// that. From Apple's manual pages and sources, and from what other programs do; not measured here.

// Constants of netinet/in.h and netinet6/in6.h (RFC 3542) that x/sys/unix lacks.
const (
	ipDontFrag  = 28
	ip6TClass   = 36
	ip6DontFrag = 62
)

// DefaultMethod is by which the way is asked for where nobody says how: as traceroute does.
func DefaultMethod() Method { return UDP }

// Open returns a sender of one method.
func Open(c Config) (Sender, error) {
	network, at := "udp4", "0.0.0.0"
	if c.Dst.Is6() {
		network, at = "udp6", "::"
	}
	if c.Source.IsValid() {
		at = c.Source.String()
	}
	conn, err := icmp.ListenPacket(network, at)
	if err != nil {
		return nil, fmt.Errorf("open icmp socket: %w", err)
	}
	err = watchTTL(conn)
	if err == nil && c.Method == ICMP {
		err = c.prepareConn(conn)
	}
	if err == nil {
		var l *listener
		if l, err = listen(c, conn, false); err == nil {
			return l, nil
		}
	}
	_ = conn.Close()
	return nil, err
}

// prepareConn is prepare for the socket that sends echo requests.
func (c *Config) prepareConn(conn *icmp.PacketConn) error {
	var under net.PacketConn
	if p := conn.IPv4PacketConn(); p != nil {
		under = p.PacketConn
	} else {
		under = conn.IPv6PacketConn().PacketConn
	}
	sc, ok := under.(syscall.Conn)
	if !ok {
		return fmt.Errorf("open icmp socket: it is a %T", under)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = c.options(int(fd), c.Dst.Is6()) }); cerr != nil {
		return cerr
	}
	return err
}

// prepare sets what all packets have in common, and binds to the source.
func (c *Config) prepare(fd int, v6 bool) error {
	if err := c.options(fd, v6); err != nil || !c.Source.IsValid() {
		return err
	}
	var from unix.Sockaddr
	if v6 {
		from = &unix.SockaddrInet6{Addr: c.Source.As16()}
	} else {
		from = &unix.SockaddrInet4{Addr: c.Source.As4()}
	}
	if err := unix.Bind(fd, from); err != nil {
		return advice.With(fmt.Errorf("bind to %s: %w", c.Source, err), "ifconfig shows the addresses of this machine")
	}
	return nil
}

// options sets class, don't-fragment and device.
func (c *Config) options(fd int, v6 bool) error {
	level, class, df, bound := unix.IPPROTO_IP, unix.IP_TOS, ipDontFrag, unix.IP_BOUND_IF
	if v6 {
		level, class, df, bound = unix.IPPROTO_IPV6, ip6TClass, ip6DontFrag, unix.IPV6_BOUND_IF
	}
	if c.Class != 0 {
		if err := unix.SetsockoptInt(fd, level, class, int(c.Class)); err != nil {
			return fmt.Errorf("set class: %w", err)
		}
	}
	if c.DF == Do || c.DF == Probe {
		if err := unix.SetsockoptInt(fd, level, df, 1); err != nil {
			return advice.With(fmt.Errorf("set don't-fragment: %w", err), "before macOS 11 an ICMP socket of IPv4 refuses it; oneping trace -F works by UDP")
		}
	}
	if c.Device == "" {
		return nil
	}
	device, err := net.InterfaceByName(c.Device)
	if err == nil {
		err = unix.SetsockoptInt(fd, level, bound, device.Index)
	}
	if err != nil {
		return advice.With(fmt.Errorf("bind to device %s: %w", c.Device, err), "ifconfig shows the devices there are")
	}
	return nil
}
