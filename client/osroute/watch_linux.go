package osroute

import (
	"context"
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Watch calls changed once at its start, so that nothing is missed since the last Apply, and
// after each burst of changes to interfaces, addresses, routes or rules of this network
// namespace, which is when Apply should be called again: connected prefixes come and go, and
// other software removes rules that it does not know. Routes that Apply itself adds are not
// reported: with thousands of them, the Apply that would follow costs as much as the first. What
// it removes is, as it may have been somebody else; the Apply that follows finds nothing to do.
// Watch blocks until ctx ends and returns its error, or why it cannot watch.
func (r *Router) Watch(ctx context.Context, changed func()) error {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE)
	if err != nil {
		return fail("watch routes", err)
	}
	closeSocket := func() error { sock.Close(); return nil }
	return watch(ctx, changed, closeSocket, func() (bool, error) { return nextChange(sock) })
}

// nextChange waits for messages; lost ones (ENOBUFS) matter.
func nextChange(sock *nl.NetlinkSocket) (bool, error) {
	msgs, _, err := sock.Receive()
	if errors.Is(err, unix.ENOBUFS) {
		return true, nil
	}
	if err != nil {
		return false, fail("watch routes", err)
	}
	for _, m := range msgs {
		if matters(m.Header.Type, m.Data) {
			return true, nil
		}
	}
	return false, nil
}

// matters reports whether a message is about something that Apply looks at and that it has not
// made itself.
func matters(kind uint16, data []byte) bool {
	switch kind {
	case unix.RTM_NEWLINK:
		return linkChanged(data)
	case unix.RTM_NEWROUTE:
		return len(data) < unix.SizeofRtMsg || data[5] != ownProtocol // rtm_protocol
	}
	return true
}

// linkChanged reports whether an RTM_NEWLINK message says that flags changed; wireless interfaces
// send many that do not.
func linkChanged(data []byte) bool {
	return len(data) < unix.SizeofIfInfomsg || nl.NativeEndian().Uint32(data[12:16]) != 0
}
