package program

import "testing"

func TestIDs(t *testing.T) {
	var ids IDs
	for _, c := range []struct{ printed, want string }{
		{"DEVICE\n4jifr3mgmxlagcv6  alice\nzzzzzzzzzzzzzzzz  bob\n", "DEVICE\nkcjsn7eeklkpxfwn  alice\ntp7nvluopw7w53n6  bob\n"},
		{"id        lw6peddnxi4whxgc\n", "id        a4mzqk3vdy2hxw6c\n"},
		{"user bob, id zzzzzzzzzzzzzzzz\n", "user bob, id tp7nvluopw7w53n6\n"},
		{"oneping://client/4jifr3mgmxlagcv6", "oneping://client/kcjsn7eeklkpxfwn"},
		{"denied 0123456789abcdef", "denied " + SomeDenial},
		{"is administratively prohibited", "is administratively prohibited"},
	} {
		if got := ids.Hide(c.printed); got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.printed, got, c.want)
		}
	}
	const typed, want = "oneping device revoke tp7nvluopw7w53n6 " + SomeDenial, "oneping device revoke zzzzzzzzzzzzzzzz 0123456789abcdef"
	if got := ids.Show(typed); got != want {
		t.Errorf("%q is typed as %q, want %q", typed, got, want)
	}
}
