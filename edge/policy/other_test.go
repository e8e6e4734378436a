package policy

import (
	"net/netip"
	"testing"
)

// A protocol that no grant can name is not the policy's to refuse where anything is granted: it is
// carried for nobody, and who may reach the destination is told that.
func TestOtherProtocols(t *testing.T) {
	c := compiled(t, "grants: [{id: web, who: [alice], to: [10.0.0.0/8], how: ['tcp:80']}, {id: all, who: [alice], to: [10.0.0.0/8], how: ['*']}]")
	dst, far := netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("11.0.0.7")
	for _, tt := range []struct {
		user  string
		dst   netip.Addr
		proto Proto
		grant string
	}{
		{"alice", dst, 47, "web"},
		{"alice", dst, 0, "web"},
		{"alice", dst, ICMP, "all"},
		{"alice", far, 47, ""},
		{"bob", dst, 47, ""},
	} {
		p := c.Principal("", tt.user)
		if got := c.Decide(&p, Target{Dst: tt.dst, Proto: tt.proto}); got.Grant != tt.grant || got.Allowed != (tt.grant != "") {
			t.Errorf("%s, %v to %v: %+v, want grant %q", tt.user, tt.proto, tt.dst, got, tt.grant)
		}
	}
	x := Target{Dst: dst, Proto: 47}
	if got := x.String(); got != "protocol 47 10.0.0.7" {
		t.Errorf("written as %q", got)
	}
	e := c.Explain(c.Principal("", "bob"), x)
	if e.Allowed || len(e.Grants) != 2 || e.Grants[0].Why != "who: bob is not among alice" {
		t.Errorf("explained as %+v", e)
	}
}
