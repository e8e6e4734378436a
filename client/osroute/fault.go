package osroute

import (
	"errors"
	"syscall"
)

// fault is what an error of the system means for the next step.
type fault int

const (
	failed       fault = iota // anything not documented: give up
	alreadyThere              // to be added, but there
	notThere                  // to be removed, but not there
	deviceGone                // the device was removed
	denied                    // no right to do so
	noFamily                  // the host does not speak this address family
	noMemory                  // the system is short of buffers for the moment
)

// gone reports whether what was to be removed is not there any more.
func gone(f fault) bool { return f == notThere || f == deviceGone }

// The error numbers are spelled out, because this file is tested on Linux.
const (
	darwinEPERM, darwinESRCH, darwinENXIO, darwinENOMEM, darwinEACCES = 1, 3, 6, 12, 13
	darwinEEXIST, darwinENODEV, darwinEAFNOSUPPORT                    = 17, 19, 47
	darwinEADDRNOTAVAIL, darwinENETUNREACH, darwinENOBUFS             = 49, 51, 55

	winFileNotFound, winAccessDenied, winNotEnoughMemory = 2, 5, 8
	winNotSupported, winNotFound, winObjectExists        = 50, 1168, 5010
)

// darwinFault judges errno values of route(4) writes and of the interface ioctls.
func darwinFault(err error) fault {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return failed
	}
	switch errno {
	case darwinEEXIST:
		return alreadyThere
	case darwinESRCH, darwinEADDRNOTAVAIL:
		return notThere
	case darwinENXIO, darwinENODEV, darwinENETUNREACH:
		return deviceGone
	case darwinEPERM, darwinEACCES:
		return denied
	case darwinEAFNOSUPPORT:
		return noFamily
	case darwinENOBUFS, darwinENOMEM:
		return noMemory
	}
	return failed
}

// windowsFault judges the return values of the IP Helper functions. ERROR_NOT_FOUND is what
// they return for an interface without the address family, and for a row that is not there;
// noFamily is decided by the caller that knows.
func windowsFault(err error) fault {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return failed
	}
	switch errno {
	case winObjectExists:
		return alreadyThere
	case winNotFound:
		return notThere
	case winFileNotFound:
		return deviceGone
	case winAccessDenied:
		return denied
	case winNotSupported:
		return noFamily
	case winNotEnoughMemory:
		return noMemory
	}
	return failed
}

// fail makes an *Error with the hint for its fault.
func (t *oneTable) fail(op string, err error) error {
	var hint string
	switch t.judge(err) {
	case denied:
		hint = "run the client as root (macOS) or from an elevated prompt or service (Windows)"
	case deviceGone:
		hint = "the TUN device is gone; restart the client"
	case noMemory:
		hint = "the system is short of memory for routes; try again"
	}
	return failure(op, err, hint)
}
