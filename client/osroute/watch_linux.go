//go:build linux

package osroute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// settleTime is how long Watch collects changes before it reports them: a network change is a burst of messages.
const settleTime = 50 * time.Millisecond

// Watch calls changed once at its start, so that nothing is missed since the last Apply, and after each burst of changes to interfaces, addresses, routes or rules of this network namespace,
// which is when Apply should be called again: connected prefixes come and go, and other software removes rules that it
// does not know. Changes made by Apply itself are reported, too; the Apply that follows finds nothing to do. Watch blocks
// until ctx ends and returns its error, or why it cannot watch.
func (r *Router) Watch(ctx context.Context, changed func()) error {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE)
	if err != nil {
		return fail("watch routes", err)
	}
	stop := context.AfterFunc(ctx, sock.Close)
	defer func() {
		if stop() {
			sock.Close()
		}
	}()
	events := make(chan struct{}, 1)
	failed := make(chan error, 1)
	go func() { failed <- listen(sock, events) }()
	changed()
	for {
		select {
		case <-ctx.Done():
			<-failed
			return ctx.Err()
		case err := <-failed:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		case <-events:
			if !settled(ctx, events) {
				continue
			}
			changed()
		}
	}
}

// settled waits for the end of a burst; false when ctx ended first.
func settled(ctx context.Context, events <-chan struct{}) bool {
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	}
	select {
	case <-events:
	default:
	}
	return true
}

// listen puts a token into events for each message that may matter, until the socket is closed.
func listen(sock *nl.NetlinkSocket, events chan<- struct{}) error {
	for {
		msgs, _, err := sock.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("watch routes: %w", err)
		}
		relevant := err != nil // messages were lost
		for _, m := range msgs {
			relevant = relevant || m.Header.Type != unix.RTM_NEWLINK || linkChanged(m.Data)
		}
		if !relevant {
			continue
		}
		select {
		case events <- struct{}{}:
		default:
		}
	}
}

// linkChanged reports whether an RTM_NEWLINK message says that flags changed; wireless interfaces send many that do not.
func linkChanged(data []byte) bool {
	return len(data) < unix.SizeofIfInfomsg || nl.NativeEndian().Uint32(data[12:16]) != 0
}
