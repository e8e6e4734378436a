package tun

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const inNamespace = "ONEPING_TUN_NAMESPACE"

// namespaced runs the calling test again in a child process with a network namespace of its own,
// without root in a user namespace, too, and returns true in that child; the parent reports the
// child's result. It skips where that is not allowed.
func namespaced(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) == t.Name() {
		return true
	}
	const reason = "needs root, or user namespaces and a readable /dev/net/tun: "
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip(reason, err)
	}
	_ = unix.Close(fd)
	var out bytes.Buffer
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"="+t.Name())
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		t.Skip(reason, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("in its namespace: %v\n%s", err, out.Bytes())
	}
	return false
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openUp opens a device, gives it addresses (/24 and /64) and brings it up, all in the calling
// thread's namespace.
func openUp(t *testing.T, name string, mtu int, addrs ...string) *Device {
	t.Helper()
	d, err := Open(name, mtu)
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	must(t, os.WriteFile("/proc/sys/net/ipv6/conf/"+d.Name()+"/accept_dad", []byte("0"), 0o644))
	for _, a := range addrs {
		setAddress(t, d.Name(), netip.MustParseAddr(a))
	}
	setUp(t, d.Name())
	for _, a := range addrs {
		usable(t, a)
	}
	return d
}

// usable waits until an address can be bound to: the kernel readies an IPv6 address in a work
// queue.
func usable(t *testing.T, addr string) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		conn, err := net.ListenPacket("udp", net.JoinHostPort(addr, "0"))
		if err == nil {
			must(t, conn.Close())
			return
		}
		<-tick.C
	}
	t.Fatal("no address " + addr)
}

func setUp(t *testing.T, name string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	must(t, err)
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	must(t, err)
	must(t, unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req))
	req.SetUint16(req.Uint16() | unix.IFF_UP)
	must(t, unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req))
}

func setAddress(t *testing.T, name string, a netip.Addr) {
	t.Helper()
	req, err := unix.NewIfreq(name)
	must(t, err)
	if a.Is4() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		must(t, err)
		defer unix.Close(fd)
		must(t, req.SetInet4Addr(a.AsSlice()))
		must(t, unix.IoctlIfreq(fd, unix.SIOCSIFADDR, req))
		must(t, req.SetInet4Addr([]byte{255, 255, 255, 0}))
		must(t, unix.IoctlIfreq(fd, unix.SIOCSIFNETMASK, req))
		return
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req))
	in6 := struct {
		addr  [16]byte
		bits  uint32
		index int32
	}{a.As16(), 64, int32(req.Uint32())}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&in6))); errno != 0 {
		t.Fatal(errno)
	}
}
