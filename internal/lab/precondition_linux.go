package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
)

const tunDevice = "/dev/net/tun"

// checkTun finds out before anything is started whether clients and shaped
// links can have devices.
func checkTun() error {
	file, err := os.OpenFile(tunDevice, os.O_RDWR, 0)
	if err == nil {
		return file.Close()
	}
	switch {
	case errors.Is(err, unix.EACCES):
		return hinted(err, "as root: chmod 0666 %s", tunDevice)
	case errors.Is(err, unix.EPERM):
		return hinted(err, "start the container with: --device %s", tunDevice)
	default:
		return hinted(err, "as root: modprobe tun; in a container start it with: --device %s", tunDevice)
	}
}

// needsUserNamespace reports whether this process may not create namespaces as
// it is.
func needsUserNamespace() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return true
	}
	wanted := uint32(1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID)
	return os.Geteuid() != 0 || data[0].Effective&wanted != wanted
}

// hasManyUsers reports whether the connector's user exists besides root: not in
// a user namespace that maps one user.
func hasManyUsers() bool {
	users, errU := os.ReadFile("/proc/self/uid_map")
	groups, errG := os.ReadFile("/proc/self/gid_map")
	return errU == nil && errG == nil && covers(string(users), ConnectorID) && covers(string(groups), ConnectorID)
}

// covers reports whether a uid_map or gid_map covers id: lines of first id inside,
// first id outside, count.
func covers(table string, id uint64) bool {
	for line := range strings.Lines(table) {
		var inside, outside, count uint64
		if n, _ := fmt.Sscan(line, &inside, &outside, &count); n == 3 && id >= inside && id-inside < count {
			return true
		}
	}
	return false
}

// ExplainDenied adds the line of configuration that stands between this user
// and a lab, if err looks like it. root says that no user namespace was tried.
func ExplainDenied(err error, root bool) error {
	switch {
	case advice.Of(err) != "":
		return err
	case errors.Is(err, unix.ENOSPC):
		return hinted(err, "as root: sysctl -w user.max_user_namespaces=15000 user.max_net_namespaces=15000")
	case !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES):
		return err
	case setting("kernel/unprivileged_userns_clone") == "0":
		return hinted(err, "as root: sysctl -w kernel.unprivileged_userns_clone=1")
	case setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
		return hinted(err, "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
	case root:
		return hinted(err, "this root may not create namespaces; start the container with: --privileged")
	}
	return hinted(err, "this system forbids unprivileged user namespaces (a container?); run it as root: sudo oneping lab")
}

// setting returns a setting of the kernel, "" where it has none of that name.
func setting(name string) string {
	text, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
