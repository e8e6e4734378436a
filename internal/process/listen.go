package process

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/oneping/oneping/internal/advice"
)

// ListenError says why a role cannot listen at an address, and what to do about it; setting is the key
// of its configuration that names the address.
func ListenError(network, address, setting string, err error) error {
	return &advice.Error{
		Text:   fmt.Sprintf("listen on %s (%s): %v", address, network, syscallCause(err)),
		Advice: listenHint(network, address, setting, err),
		Cause:  err,
	}
}

// syscallCause drops the names of calls and addresses around an errno.
func syscallCause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}

func listenHint(network, address, setting string, err error) string {
	_, port, _ := net.SplitHostPort(address)
	letter := cmp.Or(network, " ")[:1] // of ss(8): t, u
	_, noName := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("another process has that port (sudo ss -ln%sp 'sport = :%s' names it): stop that one, or choose another port with %s", letter, port, setting)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this host has no such address (ip addr shows those it has): name one of them, or none for all, with " + setting
	case errors.Is(err, fs.ErrPermission):
		return "ports below 1024 are for root and for who has CAP_NET_BIND_SERVICE: choose a higher one with " + setting
	case noName:
		return "name an address of this host with " + setting
	}
	return "choose another address with " + strings.TrimSpace(setting)
}
