// macOS: a utun device is a socket of the kernel control "com.apple.net.utun_control". connect(2)
// creates the interface, its unit number is the N of utunN plus one (0 = the kernel chooses),
// close(2) removes it together with its addresses and routes. Each packet travels behind four
// bytes that hold the address family in network byte order, which is why reads and writes need
// four bytes of room. There is no offload and no batching: one packet per call. The device is
// point-to-point and comes up by itself when it gets an address.
//
// Calls, with the errors that their manual pages and XNU's bsd/net/if_utun.c document:
//
//	socket(PF_SYSTEM, SOCK_DGRAM, SYSPROTO_CONTROL)  EMFILE, ENFILE, ENOMEM
//	ioctl(CTLIOCGINFO)                               ENOENT no such control
//	connect                                          EPERM not root · EBUSY unit taken
//	getsockopt(UTUN_OPT_IFNAME)                      EINVAL not connected
//	ioctl(SIOCSIFMTU)                                EPERM · EINVAL out of range
//	write                                            EMSGSIZE beyond the socket's buffer · ENOBUFS queue full, lose the packet

package tun

import (
	"errors"
	"syscall"

	wgtun "golang.zx2c4.com/wireguard/tun"
)

const utunHdrLen = 4

// Open creates a TUN device: name "", "utun" or DefaultName lets the kernel choose utunN, "utunN"
// asks for that one. mtu is in bytes (0 = DefaultMTU). Errors carry advice.
func Open(name string, mtu int) (*Device, error) {
	ask, err := darwinName(name)
	if err != nil {
		return nil, openError(name, err, "name it utun, and the system chooses the number")
	}
	if mtu, err = checkMTU(mtu); err != nil {
		return nil, openError(ask, err, "")
	}
	dev, err := wgtun.CreateTUN(ask, mtu)
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		return nil, openError(ask, err, darwinHint(uintptr(errno), ask))
	}
	return wrapDrained(dev, mtu, utunHdrLen)
}

// fatalRead reports whether a bare errno from the vendor ends the device.
func fatalRead(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno)
}
