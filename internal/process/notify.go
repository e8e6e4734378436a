package process

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// Linked is the line that NotifyLinked sends: a variable of oneping's own.
const Linked = "X_ONEPING_LINKED=1"

// notifyReady tells the supervisor that this process serves and takes care of the
// rest itself: READY=1 to the datagram socket in $NOTIFY_SOCKET (sd_notify(3)); an
// '@' opens an abstract address. Without the variable it does nothing. Home.Serve
// says when.
func notifyReady() error { return notify(os.Getenv("NOTIFY_SOCKET"), "READY=1") }

// NotifyLinked tells the supervisor of the first link.
func NotifyLinked() error { return notify(os.Getenv("NOTIFY_SOCKET"), Linked) }

func notify(addr, state string) error {
	if addr == "" {
		return nil
	}
	if !strings.HasPrefix(addr, "/") && !strings.HasPrefix(addr, "@") {
		return fmt.Errorf("notify supervisor: address %q in NOTIFY_SOCKET is neither a path nor abstract", addr)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: addr, Net: "unixgram"}) // net turns '@' into NUL
	if err != nil {
		return fmt.Errorf("notify supervisor: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify supervisor: %w", err)
	}
	return nil
}
