package sock

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxPayload is the room for one received message, in bytes: the largest
// payload that IP can carry.
const MaxPayload = 1 << 16

const oobSize = 256

// Message is one sendmsg or recvmsg and all the memory that it needs, so that
// none is allocated per packet. Not safe for concurrent use.
type Message struct {
	// Buf receives; a caller may leave room for a header of its own in front.
	Buf []byte

	name unix.RawSockaddrInet6
	oob  [oobSize]byte
	iov  unix.Iovec
	hdr  unix.Msghdr
}

// NewMessage returns a message that receives up to size bytes behind head bytes of room.
func NewMessage(head, size int) *Message {
	return &Message{Buf: make([]byte, head+size)}
}

// Send describes what is sent beside the payload.
type Send struct {
	Dst netip.AddrPort // zero on a connected socket
	V6  bool
	TTL uint8
	TOS uint8
	// Options are IPv4 options, at most 40 bytes: those that the kernel lets everybody send (ip(7)).
	Options []byte
}

// SendTo sends b as one message. The errors are plain errno values.
func (m *Message) SendTo(fd int, b []byte, s Send) error {
	var nameLen uint32
	if s.Dst.IsValid() {
		nameLen = m.setName(s.Dst, s.V6)
	}
	oob := m.control(s)
	_, err := m.call(unix.SYS_SENDMSG, fd, b, nameLen, len(oob), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
	return err
}

// control writes the control messages for TTL and class into m.oob.
func (m *Message) control(s Send) []byte {
	level, ttl, tos := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_TOS
	if s.V6 {
		level, ttl, tos = unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT, unix.IPV6_TCLASS
	}
	n := putControl(m.oob[:], level, ttl, int32(s.TTL))
	n += putControl(m.oob[n:], level, tos, int32(s.TOS))
	if len(s.Options) > 0 && !s.V6 {
		n += putOptions(m.oob[n:], s.Options[:min(len(s.Options), 40)])
	}
	return m.oob[:n]
}

// putOptions writes the IPv4 options of one message (IP_RETOPTS, ip_cmsg_send).
func putOptions(b, options []byte) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = unix.IPPROTO_IP, unix.IP_RETOPTS
	h.SetLen(unix.CmsgLen(len(options)))
	copy(b[unix.CmsgLen(0):], options)
	return unix.CmsgSpace(len(options))
}

func putControl(b []byte, level, typ int, v int32) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = int32(level), int32(typ)
	h.SetLen(unix.CmsgLen(4))
	*(*int32)(unsafe.Pointer(&b[unix.CmsgLen(0)])) = v
	return unix.CmsgSpace(4)
}

// Received is what came with a message. Data aliases Message.Buf, Options the Message.
type Received struct {
	Data    []byte
	From    netip.AddrPort
	TTL     uint8 // 0 = unknown
	TOS     uint8
	Options []byte        // of IPv4, where WatchOptions has asked for them
	Stamp   unix.Timespec // when the kernel got it, where WatchTime has asked for that
}

// Receive reads one message into Buf[head:]. unix.EAGAIN: nothing there.
func (m *Message) Receive(fd, head int, r *Received) error {
	n, err := m.call(unix.SYS_RECVMSG, fd, m.Buf[head:], uint32(unsafe.Sizeof(m.name)), oobSize, unix.MSG_DONTWAIT)
	if err != nil {
		return err
	}
	*r = Received{Data: m.Buf[head : head+n], From: m.addr()}
	m.eachControl(func(level, typ int32, data []byte) { r.note(level, typ, data) })
	return nil
}

// note reads TTL and class out of one control message.
func (r *Received) note(level, typ int32, data []byte) {
	if len(data) == 0 {
		return
	}
	if t, ok := stamp(level, typ, data); ok {
		r.Stamp = t
		return
	}
	v := data[0] // IP_TOS is one byte
	if len(data) >= 4 {
		v = uint8(*(*int32)(unsafe.Pointer(&data[0])))
	}
	switch {
	case level == unix.IPPROTO_IP && typ == unix.IP_TTL, level == unix.IPPROTO_IPV6 && typ == unix.IPV6_HOPLIMIT:
		r.TTL = v
	case level == unix.IPPROTO_IP && typ == unix.IP_RECVOPTS:
		r.Options = data
	case level == unix.IPPROTO_IP && typ == unix.IP_TOS, level == unix.IPPROTO_IPV6 && typ == unix.IPV6_TCLASS:
		r.TOS = v
	}
}

// stamp reads the kernel's time of receipt out of one control message.
func stamp(level, typ int32, data []byte) (unix.Timespec, bool) {
	var t unix.Timespec
	if level != unix.SOL_SOCKET || typ != unix.SO_TIMESTAMPNS || len(data) < int(unsafe.Sizeof(t)) {
		return t, false
	}
	return *(*unix.Timespec)(unsafe.Pointer(&data[0])), true
}

// eachControl walks the control messages of the last receive.
func (m *Message) eachControl(f func(level, typ int32, data []byte)) {
	b := m.oob[:min(int(m.hdr.Controllen), oobSize)]
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		n := int(h.Len)
		if n < unix.CmsgLen(0) || n > len(b) {
			return
		}
		f(h.Level, h.Type, b[unix.CmsgLen(0):n])
		next := unix.CmsgSpace(n - unix.CmsgLen(0))
		if next >= len(b) {
			return
		}
		b = b[next:]
	}
}

// call makes one sendmsg or recvmsg and repeats it when a signal interrupts it.
func (m *Message) call(trap uintptr, fd int, b []byte, nameLen uint32, oobLen, flags int) (int, error) {
	m.iov = unix.Iovec{}
	if len(b) > 0 {
		m.iov.Base = &b[0]
		m.iov.SetLen(len(b))
	}
	defer func() { m.iov.Base = nil }() // a pooled message keeps nobody's payload alive
	m.hdr = unix.Msghdr{Iov: &m.iov}
	m.hdr.SetIovlen(1)
	if nameLen > 0 {
		m.hdr.Name, m.hdr.Namelen = (*byte)(unsafe.Pointer(&m.name)), nameLen
	}
	if oobLen > 0 {
		m.hdr.Control = &m.oob[0]
		m.hdr.SetControllen(oobLen)
	}
	for {
		n, _, errno := unix.Syscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&m.hdr)), uintptr(flags))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
