package sock

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// QueuedError is one entry of a socket's error queue: what a router, the
// destination or our own kernel said about something that we sent.
type QueuedError struct {
	// Data is what the reporter quoted, without the IP header: from the ICMP header on
	// for ping sockets, the payload for UDP, from the TCP header on for TCP. Aliases Message.Buf.
	Data []byte
	Dst  netip.AddrPort // where our packet was going
	From netip.Addr     // who reports; zero where our own kernel does (Local)
	// Info is the next-hop MTU of "packet too big" and the pointer of a parameter problem.
	Info  uint32
	Errno unix.Errno
	Local bool // no packet came: our own kernel refused to send
	Type  uint8
	Code  uint8
	TTL   uint8 // of the ICMP error as received; 0 = unknown
	// Stamp is when the kernel got the error, where WatchTime has asked for that.
	Stamp unix.Timespec

	extension int // offset in Data at which the error says that an extension begins; 0: it does not say
}

// sizeofExtendedErr is the size of struct sock_extended_err (linux/errqueue.h).
const sizeofExtendedErr = 16

// ReadError takes one entry off the error queue. unix.EAGAIN: it is empty.
//
// Each read arms the error of the next entry, which then fails the next send
// although nothing was wrong with it: read until EAGAIN before sending.
func (m *Message) ReadError(fd int, r *QueuedError) error {
	n, err := m.call(unix.SYS_RECVMSG, fd, m.Buf, uint32(unsafe.Sizeof(m.name)), oobSize, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return err
	}
	*r = QueuedError{Data: m.Buf[:n], Dst: m.addr(), Local: true}
	m.eachControl(func(level, typ int32, data []byte) { r.note(level, typ, data) })
	return nil
}

// note reads one control message of an error: struct sock_extended_err with the offender's address
// behind it, or the TTL.
func (r *QueuedError) note(level, typ int32, data []byte) {
	if t, ok := stamp(level, typ, data); ok {
		r.Stamp = t
		return
	}
	switch {
	case level == unix.IPPROTO_IP && typ == unix.IP_TTL && len(data) >= 4,
		level == unix.IPPROTO_IPV6 && typ == unix.IPV6_HOPLIMIT && len(data) >= 4:
		r.TTL = uint8(*(*int32)(unsafe.Pointer(&data[0])))
	case (level == unix.IPPROTO_IP && typ == unix.IP_RECVERR || level == unix.IPPROTO_IPV6 && typ == unix.IPV6_RECVERR) &&
		len(data) >= sizeofExtendedErr:
		e := (*unix.SockExtendedErr)(unsafe.Pointer(&data[0]))
		r.Errno, r.Type, r.Code, r.Info = unix.Errno(e.Errno), e.Type, e.Code, e.Info
		r.extension = int(binary.NativeEndian.Uint16(data[12:])) // struct sock_ee_data_rfc4884
		r.Local = e.Origin != unix.SO_EE_ORIGIN_ICMP && e.Origin != unix.SO_EE_ORIGIN_ICMP6
		if !r.Local {
			r.From = addrOf(data[sizeofExtendedErr:]).Addr()
		}
	}
}

// ClearError reads and clears the pending error of fd (SO_ERROR): 0 where there is none.
func ClearError(fd int) unix.Errno {
	v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return 0
	}
	return unix.Errno(v)
}
