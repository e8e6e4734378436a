//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// runTCPOpen connects with one TTL, says a byte with another, and holds the connection until it is
// ended. The byte is said again by the kernel, with the first TTL.
func runTCPOpen(ctx context.Context, flags *flag.FlagSet, args []string) error {
	ttl := flags.Int("ttl", 64, "TTL of the connection")
	once := flags.Int("once", 0, "TTL of one segment; 0: as the others")
	class := flags.Int("class", 0, "traffic class of one more byte; 0: there is none")
	urgent := flags.Bool("urgent", false, "one more byte, which is urgent")
	alive := flags.Bool("alive", false, "ask after each second of silence whether the far end is there")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	d := net.Dialer{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error { return setTTL(c, *ttl) }}
	conn, err := d.DialContext(ctx, "tcp", args[0])
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	for _, with := range []int{*ttl, *once} {
		if with == 0 {
			break
		}
		if err := setTTL(raw, with); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		if err := setTTL(raw, *ttl); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return err
		}
	}
	if *class != 0 {
		if err := setInt(raw, [2]int{unix.IPPROTO_IP, unix.IP_TOS}, [2]int{unix.IPPROTO_IPV6, unix.IPV6_TCLASS}, *class); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return err
		}
	}
	if *urgent {
		if err := sayUrgent(raw); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return err
		}
	}
	if *alive {
		every := net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second}
		if err := conn.(*net.TCPConn).SetKeepAliveConfig(every); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stderr, "open")
	<-ctx.Done()
	return ctx.Err()
}

// setTTL sets the TTL of a socket.
func setTTL(c syscall.RawConn, ttl int) error {
	return setInt(c, [2]int{unix.IPPROTO_IP, unix.IP_TTL}, [2]int{unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS}, ttl)
}

// setInt sets an option, level and name, of both families; a socket does not know one of them.
func setInt(c syscall.RawConn, v4, v6 [2]int, value int) error {
	var err4, err6 error
	if err := c.Control(func(fd uintptr) {
		err4 = unix.SetsockoptInt(int(fd), v4[0], v4[1], value)
		err6 = unix.SetsockoptInt(int(fd), v6[0], v6[1], value)
	}); err != nil {
		return err
	}
	if err4 != nil && err6 != nil {
		return errors.Join(err4, err6)
	}
	return nil
}

// sayUrgent sends a byte out of band.
func sayUrgent(c syscall.RawConn) error {
	var serr error
	err := c.Control(func(fd uintptr) { serr = unix.Send(int(fd), []byte("x"), unix.MSG_OOB) })
	return errors.Join(err, serr)
}

// runTCPAgain opens one connection after the other from one port, each behind the reset of the one
// before it.
func runTCPAgain(ctx context.Context, flags *flag.FlagSet, args []string) error {
	tries := flags.Int("n", 20, "connections")
	port := flags.Int("port", 40123, "source port")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{Port: *port}, Timeout: 10 * time.Second, Control: reusePort}
	for i := range *tries {
		conn, err := d.DialContext(ctx, "tcp", args[0])
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		if _, err = conn.Write([]byte("x")); err == nil {
			_, err = io.ReadFull(conn, make([]byte, 1))
		}
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
	fmt.Println("connections", *tries)
	return ctx.Err()
}

// reusePort lets a port be bound that was used a moment ago.
func reusePort(_, _ string, c syscall.RawConn) error {
	var serr error
	err := c.Control(func(fd uintptr) { serr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
	return errors.Join(err, serr)
}

// runTCPScan begins connections to a row of ports and waits for none of them.
func runTCPScan(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 2000, "ports")
	from := flags.Uint("from", 10000, "the first")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	to := net.ParseIP(args[0]).To4()
	if to == nil {
		return fmt.Errorf("%q is no IPv4 address", args[0])
	}
	for i := range *count {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(*from) + i, Addr: [4]byte(to)})
		if !errors.Is(err, unix.EINPROGRESS) {
			return fmt.Errorf("connect to port %d: %w", int(*from)+i, err)
		}
	}
	fmt.Fprintln(os.Stderr, "scanning")
	<-ctx.Done()
	return ctx.Err()
}
