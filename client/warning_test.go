package client

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/client/path"
)

// The warning names who sent it and what to do, in the family of the packet, and stands for a while.
func TestStrangerWarning(t *testing.T) {
	now := time.Unix(1000, 0)
	addrs := []netip.Addr{netip.MustParseAddr("100.96.0.1"), netip.MustParseAddr("fd00::1")}
	for _, c := range []struct{ last, text, hint string }{
		{"172.17.0.2", "3 packets of another source than this device were refused, the last of 172.17.0.2", "or to 100.96.0.1; what comes from containers must be masqueraded: iptables -t nat -A POSTROUTING -o tun7 -j MASQUERADE"},
		{"2001:db8::2", "3 packets of another source than this device were refused, the last of 2001:db8::2", "or to fd00::1; what comes from containers must be masqueraded: ip6tables -t nat -A POSTROUTING -o tun7 -j MASQUERADE"},
	} {
		w, ok := strangerWarning(path.Strangers{Count: 3, Last: netip.MustParseAddr(c.last), At: now}, addrs, "tun7", now)
		if !ok || w.Text != c.text || !strings.HasSuffix(w.Hint, c.hint) {
			t.Errorf("%s: %v, %q, %q", c.last, ok, w.Text, w.Hint)
		}
	}
	one := path.Strangers{Count: 1, Last: netip.MustParseAddr("172.17.0.2"), At: now}
	if w, _ := strangerWarning(one, nil, "tun7", now); !strings.HasPrefix(w.Text, "1 packet of ") {
		t.Errorf("one: %q", w.Text)
	}
	if _, ok := strangerWarning(one, nil, "tun7", now.Add(strangersFor)); ok {
		t.Error("an old packet still warns")
	}
	if _, ok := strangerWarning(path.Strangers{}, nil, "tun7", now); ok {
		t.Error("no packet warns")
	}
}
