package holder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Drop is the hidden command `lab drop`: it gives up every privilege, for good,
// and becomes argv. With id > 0 it becomes that user and group; with 0 it stays who it
// is, which in a user namespace is a root that has no power left. Nothing that argv
// executes regains any: no_new_privs, locked securebits, empty bounding set. With raw
// it keeps CAP_NET_RAW, and whatever it executes has that and nothing else.
//
// It returns only on failure.
func Drop(_ context.Context, id int, raw bool, argv []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return fmt.Errorf("drop privileges: %w", err)
	}
	// Credentials belong to a thread; the one that calls execve keeps its own.
	runtime.LockOSThread()
	if err := dropCapabilities(id, raw); err != nil {
		return fmt.Errorf("drop privileges: %w", err)
	}
	return fmt.Errorf("start %s: %w", path, unix.Exec(path, argv, os.Environ()))
}

func dropCapabilities(id int, raw bool) error {
	if err := setAmbient(raw); err != nil {
		return err
	}
	if err := lockSecurebits(); err != nil {
		return err
	}
	if err := dropBounding(raw); err != nil {
		return err
	}
	if id > 0 {
		if err := become(id); err != nil {
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var kept [2]unix.CapUserData
	if raw {
		kept[0] = unix.CapUserData{Effective: netRaw, Permitted: netRaw, Inheritable: netRaw}
	}
	if err := unix.Capset(&header, &kept[0]); err != nil {
		return fmt.Errorf("clear capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	return nil
}

// netRaw is CAP_NET_RAW in a set.
const netRaw = 1 << unix.CAP_NET_RAW

// setAmbient empties the ambient set, which is what a user without files' capabilities has
// after execve, or leaves CAP_NET_RAW in it. It has to be inheritable for that (capabilities(7)).
func setAmbient(raw bool) error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear ambient set: %w", err)
	}
	if !raw {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var own [2]unix.CapUserData
	if err := unix.Capget(&header, &own[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	own[0].Inheritable |= netRaw
	if err := unix.Capset(&header, &own[0]); err != nil {
		return fmt.Errorf("make CAP_NET_RAW inheritable: %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_NET_RAW, 0, 0); err != nil {
		return fmt.Errorf("keep CAP_NET_RAW: %w", err)
	}
	return nil
}

// lockSecurebits makes uid 0 mean nothing at execve and setuid. The bits and
// their locks are neighbours (linux/securebits.h).
func lockSecurebits() error {
	const (
		noRoot, noSetuidFixup, noAmbientRaise = 1 << 0, 1 << 2, 1 << 6
		keepCapsLocked                        = 1 << 5
	)
	bits := noRoot | noSetuidFixup | noAmbientRaise
	bits |= bits<<1 | keepCapsLocked
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, uintptr(bits), 0, 0, 0); err != nil {
		return fmt.Errorf("set securebits: %w", err)
	}
	return nil
}

// dropBounding asks for one capability after the other until the kernel knows
// no more. With raw CAP_NET_RAW stays.
func dropBounding(raw bool) error {
	for capability := uintptr(0); ; capability++ {
		if raw && capability == unix.CAP_NET_RAW {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) && capability > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("drop bounding set: %w", err)
		}
	}
}

func become(id int) error {
	if err := unix.Setgroups(nil); err != nil {
		return fmt.Errorf("drop groups: %w", err)
	}
	if err := unix.Setresgid(id, id, id); err != nil {
		return fmt.Errorf("set group: %w", err)
	}
	if err := unix.Setresuid(id, id, id); err != nil {
		return fmt.Errorf("set user: %w", err)
	}
	return nil
}
