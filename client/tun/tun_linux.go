// Linux: /dev/net/tun is opened and given a name and flags with TUNSETIFF. The device lives as
// long as the descriptor. IFF_NO_PI leaves whole IP packets; IFF_VNET_HDR puts a struct
// virtio_net_hdr (10 bytes) in front of each, which lets the kernel hand over TCP super-packets
// of up to 64 KiB and packets with checksums not yet computed; the vendor's Read splits and
// completes them. A packet written with an all-zero header is taken as it is and its checksums
// are verified by the kernel; one of up to 65,535 bytes is accepted whatever the MTU. Writes fail
// with EIO while the device is down.
//
// Calls, with the errors that their manual pages and drivers/net/tun.c document:
//
//	open(/dev/net/tun)  ENOENT no device node · EACCES its mode · ENODEV, ENXIO no driver · EPERM device cgroup · EMFILE
//	ioctl(TUNSETIFF)    EPERM no CAP_NET_ADMIN in this network namespace · EBUSY held by a process · EINVAL other kind
//	ioctl(SIOCSIFMTU)   EPERM · EINVAL out of range · ENODEV deleted meanwhile
//	read                EBADFD device deleted (the vendor makes it os.ErrClosed)
//	write               EIO device down · EINVAL not an IP packet · EBADFD deleted

package tun

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
	wgtun "golang.zx2c4.com/wireguard/tun"
)

const (
	cloneDevice   = "/dev/net/tun"
	virtioHdrLen  = 10 // sizeof(struct virtio_net_hdr)
	linuxReadRoom = 0  // the vendor strips the header in a buffer of its own
)

// Open creates the TUN device name ("" = DefaultName) with an MTU in bytes (0 = DefaultMTU). The
// device is down and has no address. Errors carry advice.
func Open(name string, mtu int) (*Device, error) {
	checked, err := checkName(name, linuxNameLen)
	if err != nil {
		return nil, openError(name, err, "")
	}
	if mtu, err = checkMTU(mtu); err != nil {
		return nil, openError(checked, err, "")
	}
	d, err := open(checked, mtu)
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		return nil, openError(checked, err, linuxHint(uintptr(errno), checked))
	}
	return d, nil
}

func open(name string, mtu int) (*Device, error) {
	fd, err := attach(name)
	if err != nil {
		return nil, err
	}
	if err := setMTU(name, mtu); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	// The unmonitored constructor starts no goroutines: nobody here listens to its up/down
	// events, and unread ones would block them for ever.
	dev, _, err := wgtun.CreateUnmonitoredTUNFromFD(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	d, err := wrap(dev, mtu, virtioHdrLen, linuxReadRoom)
	if err != nil {
		_ = dev.Close()
		return nil, err
	}
	return d, nil
}

// attach opens the clone device and ties it to name.
func attach(name string) (int, error) {
	fd, err := unix.Open(cloneDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", cloneDevice, err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("create interface %s: %w", name, err)
	}
	return fd, nil
}

func setMTU(name string, mtu int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("set MTU of %s: %w", name, err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint32(uint32(mtu))
		err = unix.IoctlIfreq(fd, unix.SIOCSIFMTU, req)
	}
	if err != nil {
		return fmt.Errorf("set MTU of %s to %d: %w", name, mtu, err)
	}
	return nil
}

// fatalRead reports whether a bare errno from the vendor ends the device; its other errors are
// about one packet.
func fatalRead(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno)
}
