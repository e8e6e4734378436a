package connector

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/connector/icmp"
)

// wantDescriptors is how many descriptors all mappings, sessions and flows at their bounds may take.
const wantDescriptors = 4096 + 8192 + 2*4096

// platformChecks looks at what Linux must allow. Sockets are tried, settings are not trusted.
func platformChecks() []Finding {
	return []Finding{checkPing("ping socket IPv4", false), checkPing("ping socket IPv6", true), checkDescriptors()}
}

func checkPing(name string, v6 bool) Finding {
	err := icmp.TryPing(v6)
	switch {
	case err == nil:
		return Finding{Name: name, OK: true, Needed: !v6, Detail: "opened"}
	case errors.Is(err, unix.EAFNOSUPPORT):
		return Finding{Name: name, Detail: "this kernel has no IPv6"}
	case errors.Is(err, unix.EACCES):
		err = fmt.Errorf("%w: the group range does not hold this process", err)
	}
	return failed(name, !v6, err, icmp.GroupRangeCommand())
}

func checkDescriptors() Finding {
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
