package probe

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/sock"
)

// DefaultMethod is by which the way is asked for where nobody says how: as traceroute does.
func DefaultMethod() Method { return UDP }

// Open returns a sender of one method. Linux needs no privilege for any of them, but that
// net.ipv4.ping_group_range may close ping sockets; then ICMP takes a raw socket where it may.
func Open(c Config) (Sender, error) {
	k, err := newKernel(c)
	if err != nil {
		return nil, err
	}
	var s Sender
	switch c.Method {
	case ICMP:
		s, err = openICMP(k)
	case UDP:
		s, err = openUDP(k)
	case TCP:
		s, err = openTCP(k)
	}
	if err != nil {
		_ = k.Close()
		return nil, err
	}
	return s, nil
}

// kind returns a socket of one kind for the destination of c.
func (c *Config) kind(typ, proto int) (int, error) {
	v6 := c.Dst.Is6()
	fd, err := sock.Open(v6, typ, proto)
	if err != nil {
		return -1, err
	}
	if err := c.prepare(fd, v6); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare sets what all packets have in common.
func (c *Config) prepare(fd int, v6 bool) error {
	if err := sock.WatchTime(fd); err != nil {
		return fmt.Errorf("set socket option: %w", err)
	}
	level, option, mode := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, [...]int{unix.IP_PMTUDISC_WANT, unix.IP_PMTUDISC_DONT, unix.IP_PMTUDISC_DO, unix.IP_PMTUDISC_PROBE}
	if v6 {
		level, option, mode = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, [...]int{unix.IPV6_PMTUDISC_WANT, unix.IPV6_PMTUDISC_DONT, unix.IPV6_PMTUDISC_DO, unix.IPV6_PMTUDISC_PROBE}
	}
	if err := unix.SetsockoptInt(fd, level, option, mode[c.DF]); err != nil {
		return fmt.Errorf("set don't-fragment: %w", err)
	}
	if c.Device != "" {
		if err := unix.BindToDevice(fd, c.Device); err != nil {
			return advice.With(fmt.Errorf("bind to device %s: %w", c.Device, err), "ip link shows the devices there are")
		}
	}
	if c.Source.IsValid() {
		if err := unix.Bind(fd, sock.Sockaddr(netip.AddrPortFrom(c.Source, 0))); err != nil {
			return advice.With(fmt.Errorf("bind to %s: %w", c.Source, err), "ip address shows the addresses of this machine")
		}
	}
	return nil
}

// connect gives a socket its destination, and so its source.
func (c *Config) connect(fd int, port uint16) error {
	if err := unix.Connect(fd, sock.Sockaddr(netip.AddrPortFrom(c.Dst, port))); err != nil {
		return c.noWay(err)
	}
	return nil
}

// noWay says why the routes of this host lead nowhere, and where to look.
func (c *Config) noWay(err error) error {
	hint := fmt.Sprintf("ip route get %s says why", c.Dst)
	switch err {
	case unix.EHOSTUNREACH:
		hint += "; a client of oneping that was killed leaves such routes: oneping client status"
	case unix.EINVAL:
		if c.Dst.IsLinkLocalUnicast() || c.Dst.IsLinkLocalMulticast() {
			hint = fmt.Sprintf("a link-local address wants one of this host's devices: %s%%DEVICE; ip link shows them", c.Dst.WithZone(""))
		}
	case unix.EACCES, unix.EPERM:
		hint = "a broadcast address, a route that prohibits, or a firewall of this host: " + hint
	}
	return advice.With(fmt.Errorf("connect: %w", err), hint)
}

// closedPing says why there is no socket for ICMP, and what opens one.
func closedPing(err error) error {
	return advice.With(fmt.Errorf("open icmp socket: %w", err),
		"as root: "+sock.OpenPing(unix.Getegid())+"; oneping trace -U and -T work without it")
}

// sendError is the error of a send: ErrBusy where the kernel has no room now.
func sendError(err error) error {
	switch err {
	case unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN:
		return ErrBusy
	case unix.EACCES, unix.EPERM:
		return advice.With(os.NewSyscallError("send", err), "a firewall of this host refuses it: nft list ruleset, iptables -S")
	}
	return os.NewSyscallError("send", err)
}
