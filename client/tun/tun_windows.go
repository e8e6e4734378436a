// Windows: Wintun is a driver that its own wintun.dll installs on first use; the DLL is loaded
// from the directory of the executable or from System32. An adapter appears with
// WintunCreateAdapter and disappears with WintunCloseAdapter; its packets travel through two
// rings of shared memory without any header, so no room is needed in front of a packet. The
// vendor's Write is not safe for concurrent use, hence the lock below. The adapter's MTU is not
// the driver's business: it belongs to the IP interface and is set by client/osroute (NlMtu).
//
// Calls, with the errors that wintun.h documents (GetLastError):
//
//	LoadLibraryEx(wintun.dll)  ERROR_MOD_NOT_FOUND (126) · ERROR_BAD_EXE_FORMAT (193) other architecture
//	WintunCreateAdapter        ERROR_ACCESS_DENIED (5) · ERROR_ALREADY_EXISTS (183), ERROR_OBJECT_ALREADY_EXISTS (5010)
//	                           name taken · ERROR_NOT_FOUND (1168) driver not installed
//	WintunStartSession         ERROR_ACCESS_DENIED, ERROR_ALREADY_INITIALIZED
//	WintunReceivePacket        ERROR_NO_MORE_ITEMS wait · ERROR_HANDLE_EOF adapter going away · ERROR_INVALID_DATA ring corrupt
//	WintunAllocateSendPacket   ERROR_BUFFER_OVERFLOW ring full, the packet is lost · ERROR_HANDLE_EOF

package tun

import (
	"errors"
	"sync"
	"syscall"

	wgtun "golang.zx2c4.com/wireguard/tun"
)

// Open creates the Wintun adapter name ("" = DefaultName) and remembers an MTU in bytes (0 =
// DefaultMTU), which client/osroute applies. Errors carry advice.
func Open(name string, mtu int) (*Device, error) {
	checked, err := checkName(name, maxWindowsName)
	if err != nil {
		return nil, openError(name, err, "")
	}
	if mtu, err = checkMTU(mtu); err != nil {
		return nil, openError(checked, err, "")
	}
	dev, err := wgtun.CreateTUN(checked, mtu)
	if err != nil {
		var errno syscall.Errno
		errors.As(err, &errno)
		return nil, openError(checked, err, windowsHint(uintptr(errno)))
	}
	return wrapDrained(&serialDevice{Device: dev}, mtu, 0)
}

const maxWindowsName = 127 // WINTUN_MAX_ADAPTER_NAME less the terminating zero

// serialDevice writes one caller at a time.
type serialDevice struct {
	wgtun.Device
	mu sync.Mutex
}

// Write implements wgtun.Device.
func (d *serialDevice) Write(bufs [][]byte, offset int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Device.Write(bufs, offset)
}

// fatalRead reports that every error of the ring is final: it is closed, going away or corrupt.
func fatalRead(error) bool { return true }
