package holder

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/lab"
)

// packageOf says where a common tool comes from (Debian's names), "" if unknown.
func packageOf(program string) string {
	switch program {
	case "traceroute", "fping", "tcpdump", "curl", "iperf3", "hping3", "nmap", "tmux", "socat", "ethtool", "nftables", "iptables":
		return program
	case "mtr":
		return "mtr-tiny"
	case "ping":
		return "iputils-ping"
	case "tracepath":
		return "iputils-tracepath"
	case "dig", "nslookup", "host":
		return "dnsutils"
	case "ip", "ss", "tc", "bridge":
		return "iproute2"
	case "nc":
		return "netcat-openbsd"
	case "ssh":
		return "openssh-client"
	case "ifconfig", "route", "arp":
		return "net-tools"
	}
	return ""
}

// notStarted answers for a program that could not be started: in words, and with the exit code
// that a shell has for it (POSIX, XCU 2.8.2).
func notStarted(err error, program string) lab.Reply {
	r := lab.Failure(explainMissing(err, program))
	code := 126
	switch {
	case errors.Is(err, errNoDir):
		return r // no shell's business
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		code = 127
	}
	r.Exit = &code
	return r
}

// explainMissing says how to get a program that is not there.
func explainMissing(err error, program string) error {
	if !errors.Is(err, exec.ErrNotFound) {
		return err
	}
	err = fmt.Errorf("%s: command not found", program)
	if name := packageOf(program); name != "" {
		return advice.With(err, fmt.Sprintf("apt-get install %s (or the package of that name on your system)", name))
	}
	return advice.With(err, "the command runs with the files of this machine; is it installed and in the PATH?")
}
