package check

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/service"
)

// wantDescriptors is how many descriptors all mappings, sessions and flows at their bounds may
// take.
const wantDescriptors = 4096 + 8192 + 2*4096

// platformChecks looks at what Linux must allow. Sockets are tried, settings are not trusted.
func platformChecks(mode icmp.Mode) []Finding {
	g := pingGroup()
	fs := []Finding{g.check("ping socket IPv4", false), g.check("ping socket IPv6", true)}
	if mode == icmp.Raw || mode != icmp.Ping && !fs[0].OK && !g.service {
		fs = orRaw(fs, mode, icmp.TryRaw())
	}
	return append(fs, descriptors())
}

// orRaw adds raw sockets to the findings about ping sockets: a connector to which those are closed
// uses raw ones where it may, or where it is told to, and then needs nothing more: there is nothing to
// warn of, and nothing to fix. err says why it may not.
func orRaw(ping []Finding, mode icmp.Mode, err error) []Finding {
	const name = "raw socket"
	if err != nil && mode != icmp.Raw {
		return append(ping, Finding{Name: name, Detail: err.Error()})
	}
	for i := range ping {
		if ping[i].Needed = false; !ping[i].OK {
			ping[i].OK, ping[i].Detail, ping[i].Fix = true, "not open, and not needed: raw sockets are used", ""
		}
	}
	if err != nil {
		return append(ping, failed(name, true, fmt.Errorf("icmp: raw is set, and %w", err), "icmp: auto, or give the connector CAP_NET_RAW"))
	}
	return append(ping, Finding{Name: name, OK: true, Needed: true, Detail: "opened with CAP_NET_RAW: ICMP goes this way"})
}

// tried is the group as which ping sockets are tried.
type tried struct {
	gid     int
	service bool // it is the service's, not this process's
}

// pingGroup returns the group that a connector will run in: who is root asks for the service, where
// that has been installed.
func pingGroup() tried {
	own := tried{gid: unix.Getegid()}
	if unix.Geteuid() != 0 {
		return own
	}
	g, err := user.LookupGroup(service.Group)
	if err != nil {
		return own
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return own
	}
	return tried{gid: gid, service: true}
}

func (g tried) check(name string, v6 bool) Finding {
	err := g.try(v6)
	switch {
	case err == nil:
		return Finding{Name: name, OK: true, Needed: !v6, Detail: "opened by " + g.String()}
	case errors.Is(err, unix.EAFNOSUPPORT):
		return Finding{Name: name, Detail: "this kernel has no IPv6"}
	case errors.Is(err, unix.EACCES):
		err = fmt.Errorf("%w: net.ipv4.ping_group_range does not hold %s", err, g)
	}
	fix := icmp.GroupRangeCommandFor(g.gid) + "   (to keep it: the same setting in " + service.SysctlFile + ")"
	return failed(name, !v6, err, fix)
}

func (g tried) try(v6 bool) error {
	if g.service {
		return icmp.TryPingAs(g.gid, v6)
	}
	return icmp.TryPing(v6)
}

// String names the group, and the file that lets the service's in.
func (g tried) String() string {
	if !g.service {
		return fmt.Sprintf("group %d", g.gid)
	}
	text := fmt.Sprintf("the service's group %s (%d)", service.Group, g.gid)
	if _, err := os.Stat(service.SysctlFile); err == nil {
		text += ", which " + service.SysctlFile + " lets in"
	}
	return text
}

func descriptors() Finding {
	const name = "descriptors"
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return failed(name, false, fmt.Errorf("read limit: %w", err), "")
	}
	if r.Max < wantDescriptors {
		return Finding{
			Name: name, Detail: fmt.Sprintf("%d allowed, %d wanted: fewer sessions at once", r.Max, wantDescriptors),
			Fix: fmt.Sprintf("ulimit -Hn %d   (systemd: LimitNOFILE=%d)", wantDescriptors, wantDescriptors),
		}
	}
	return Finding{Name: name, OK: true, Detail: fmt.Sprint(r.Max)}
}
