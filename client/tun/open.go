package tun

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/oneping/oneping/internal/advice"
)

// openError says why Open of the device name failed, and what a person can do about it; hint may be
// empty.
func openError(name string, err error, hint string) error {
	return &advice.Error{Text: fmt.Sprintf("open TUN device %s: %v", name, err), Advice: hint, Cause: err}
}

// checkMTU returns the MTU to use for a requested one; 0 means DefaultMTU.
func checkMTU(mtu int) (int, error) {
	if mtu == 0 {
		return DefaultMTU, nil
	}
	if mtu < MinMTU || mtu > MaxMTU {
		return 0, fmt.Errorf("MTU %d is not within %d to %d", mtu, MinMTU, MaxMTU)
	}
	return mtu, nil
}

// CheckName refuses a name that no TUN device of this system can have; "" is the default.
func CheckName(name string) error {
	var err error
	switch runtime.GOOS {
	case "darwin":
		_, err = darwinName(name)
	case "linux":
		_, err = checkName(name, linuxNameLen)
	}
	return err
}

// checkName refuses what Linux refuses as an interface name (dev_valid_name) and returns
// DefaultName for "".
func checkName(name string, limit int) (string, error) {
	if name == "" {
		return DefaultName, nil
	}
	if len(name) > limit || name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r%") {
		return "", fmt.Errorf("%q is not an interface name (at most %d characters, no space, '/', ':' or '%%')", name, limit)
	}
	return name, nil
}

// darwinName returns the name to ask macOS for: "utun" lets the kernel choose the number, "utunN"
// asks for that one.
func darwinName(name string) (string, error) {
	if name == "" || name == "utun" || name == DefaultName {
		return "utun", nil
	}
	digits, ok := strings.CutPrefix(name, "utun")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return "", fmt.Errorf("%q is not a name for a TUN device on macOS: use utun or utunN", name)
	}
	return name, nil
}

// linuxNameLen is IFNAMSIZ of Linux without its zero.
const linuxNameLen = 15

// The errno values of the three systems are spelled as numbers here, so that the hints are tested
// where tests run.
const (
	linuxEPERM, linuxENOENT, linuxENXIO, linuxEACCES           = 1, 2, 6, 13
	linuxEBUSY, linuxENODEV, linuxEINVAL, linuxEMFILE          = 16, 19, 22, 24
	darwinEPERM, darwinENOENT, darwinEBUSY                     = 1, 2, 16
	windowsAccessDenied, windowsBadExe, windowsModNotFound     = 5, 193, 126
	windowsObjectExists, windowsAlreadyExists, windowsNotFound = 5010, 183, 1168
)

// linuxHint explains the errno of open(2) of /dev/net/tun and of TUNSETIFF.
func linuxHint(errno uintptr, name string) string {
	switch errno {
	case linuxENOENT, linuxENODEV, linuxENXIO:
		return "load the driver (sudo modprobe tun); in a container pass the device (--device /dev/net/tun)"
	case linuxEACCES:
		return "run as root, as the service does (oneping client service install), or let a group that this user is in open it: " +
			"a udev rule such as KERNEL==\"tun\", GROUP=\"netdev\", MODE=\"0660\", and CAP_NET_ADMIN beside it; where SELinux or AppArmor refuses it, ausearch -m avc and dmesg say so"
	case linuxEPERM:
		return "run as root or with CAP_NET_ADMIN; in a container add --cap-add NET_ADMIN --device /dev/net/tun"
	case linuxEBUSY:
		return "another process holds " + name + "; stop it or choose another name with --tun"
	case linuxEINVAL:
		return "an interface " + name + " of another kind exists; choose another name with --tun"
	case linuxEMFILE:
		return "raise the limit of open files (ulimit -n)"
	}
	return ""
}

// darwinHint explains the errno of connect(2) on the utun control socket.
func darwinHint(errno uintptr, name string) string {
	switch errno {
	case darwinEPERM:
		return "run as root: macOS gives utun devices to root alone"
	case darwinEBUSY:
		return name + " is taken; let the system choose with --tun utun"
	case darwinENOENT:
		return "this macOS has no utun control; version 10.15 or newer is needed"
	}
	return ""
}

// windowsHint explains the system error code of wintun.dll's WintunCreateAdapter and of loading it.
func windowsHint(code uintptr) string {
	switch code {
	case windowsModNotFound:
		return "put wintun.dll (from wintun.net, same architecture) beside oneping.exe"
	case windowsBadExe:
		return "wintun.dll is for another architecture; take the one of this machine from the wintun archive"
	case windowsAccessDenied:
		return "run from an elevated prompt or as the service: creating an adapter needs Administrator rights"
	case windowsObjectExists, windowsAlreadyExists:
		return "another process holds an adapter of this name; stop it or choose another name with --tun"
	case windowsNotFound:
		return "the Wintun driver could not be installed; see %SystemRoot%\\INF\\setupapi.dev.log"
	}
	return ""
}
