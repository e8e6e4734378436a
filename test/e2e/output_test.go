//go:build linux

package e2e

import (
	"strings"
	"testing"
)

// privateDev runs a script as a command of its own in a mount namespace with a /dev of its own: what
// writes where it should not, writes there.
func (b *loopback) privateDev(script string) result {
	b.t.Helper()
	r := b.run(nil, "unshare", "--map-root-user", "--mount", "sh", "-euc",
		"mkdir -p dev; mount -t tmpfs dev dev; touch dev/null; mount --bind /dev/null dev/null; mount --rbind dev /dev\n"+
			"ln -s /proc/self/fd/1 /dev/stdout; ln -s /proc/self/fd /dev/fd\n"+
			"office() { "+bin+" tunnel token office --state-dir "+b.path("edge")+` "$@"; }`+"\n"+script)
	return result{code: r.code(), stderr: r.log.String()}
}

// TestOutput: --output writes to what is no file and leaves it what it is; a file is whole or as it
// was.
func TestOutput(t *testing.T) {
	t.Parallel()
	needs(t, "unshare")
	b := newLoopback(t)
	b.run(nil, append([]string{bin}, b.edgeArgs()...)...)
	b.answers("edge")
	b.token()
	for name, script := range map[string]string{
		"stdout":        "[ \"$(office --output /dev/stdout)\" = \"$(office)\" ]; [ -L /dev/stdout ]",
		"a dash":        "[ \"$(office -o -)\" = \"$(office)\" ]; [ ! -e ./- ]",
		"a descriptor":  "[ \"$(office -o /dev/fd/3 3>&1 >&2)\" = \"$(office)\" ]",
		"appended":      "{ echo before; office -o /dev/stdout; echo behind; } >lines; printf 'before\\n%s\\nbehind\\n' \"$(office)\" | cmp - lines",
		"a FIFO":        "mkfifo fifo; office -o fifo & [ \"$(cat fifo)\" = \"$(office)\" ]; wait $!; [ -p fifo ]",
		"a link":        "echo old >real; ln -s real link; office -o link; [ -L link ]; office | cmp - real; [ $(stat -c %a real) = 600 ]",
		"a bind mount":  "echo old >bound; mount --bind bound bound; ! office -o bound 2>said; grep -q 'hint: bound is a mount point' said; [ \"$(cat bound)\" = old ]",
		"a full disk":   "mkdir disk; mount -t tmpfs -o size=8k disk disk; echo old >disk/t; ! cat /proc/cpuinfo /proc/self/maps >disk/fill; ! office -o disk/t 2>said; grep -q 'no space left on device' said; grep -q 'hint: make room in disk' said; [ \"$(cat disk/t)\" = old ]; [ \"$(ls -A disk | tr '\\n' ' ')\" = 'fill t ' ]",
		"no such place": "! office -o no/token 2>said; grep -q 'hint: make the directory first: mkdir -p no' said",
	} {
		if r := b.privateDev("set -x\n" + script); r.code != 0 {
			t.Errorf("%s: exit code %d\n%s", name, r.code, strings.TrimSpace(r.stderr))
		}
	}
}
