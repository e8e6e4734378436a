package sock

import (
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/proto/packet"
)

// Errors takes what the network has said about packets that a Socket has sent. r.Data is valid
// until it returns.
type Errors interface{ Failed(e QueuedError) }

// Socket is a datagram socket of Open and what it sends with. A pending error of an earlier packet
// fails the next call although that is in order, so its error queue is drained before each send,
// and sender and reader have to exclude each other: whoever uses it holds a lock of its own.
type Socket struct {
	FD int
	V6 bool

	df  bool   // what SetDF set last: Open leaves it clear
	mtu uint32 // of our own link, when it last refused a packet
}

const (
	// sendTries bounds how often a send is repeated that failed with the error of an earlier
	// packet.
	sendTries = 8
	// maxErrors bounds what is read of one error queue at a time, so that no socket starves the
	// others.
	maxErrors = 256
)

// Send sends b as one message, with DF as s.df says. The errors of earlier packets go to errs
// first.
func (k *Socket) Send(m *Message, b []byte, to Send, df bool, errs Errors) packet.Verdict {
	if df != k.df {
		if err := SetDF(k.FD, k.V6, df); err != nil {
			return packet.Verdict{Reason: packet.SendFailed}
		}
		k.df = df
	}
	return Verdict(k.Transmit(m, b, to, errs), k.mtu)
}

// Transmit is Send for who needs the kernel's own error, a plain errno, and leaves DF as it is. It
// drains the error queue, sends, and does both again where the send failed with an error that
// belongs to an earlier packet.
func (k *Socket) Transmit(m *Message, b []byte, to Send, errs Errors) error {
	to.V6 = k.V6
	k.Drain(m, errs)
	err := m.SendTo(k.FD, b, to)
	for range sendTries {
		if err == nil || err == unix.EAGAIN {
			return err
		}
		read, local := k.Drain(m, errs)
		again := m.SendTo(k.FD, b, to)
		if again == err && (local || !read) {
			return err // the same twice with nothing queued by others: it is about this packet
		}
		err = again
	}
	return err
}

// MTU returns the MTU by which our own kernel last refused a packet, 0 where it has not.
func (k *Socket) MTU() uint32 { return k.mtu }

// Drain reads the error queue until it is empty. It says whether anything was there, and whether
// our own kernel's refusals were among it, which do not go to errs.
func (k *Socket) Drain(m *Message, errs Errors) (read, local bool) {
	for range maxErrors {
		var r QueuedError
		if m.ReadError(k.FD, &r) != nil {
			return read, local
		}
		read = true
		if !r.Local {
			errs.Failed(r)
			continue
		}
		local = true
		if r.Errno == unix.EMSGSIZE {
			k.mtu = r.Info
		}
	}
	return read, local
}

// ICMP returns r as the ICMP error that it is, with the TTL with which it arrived, and cuts its
// extension (RFC 4884) off Data, in front of which the error quotes an IP header and transport bytes
// of the next one.
func (r *QueuedError) ICMP(transport int) packet.Error {
	skipped := 20 + transport
	if r.From.Is6() {
		skipped = 40 + transport
	}
	e := packet.Error{Src: r.From, Type: r.Type, Code: r.Code, TTL: r.TTL, MTU: r.Info, Pointer: r.Info}
	at := 0
	if r.extension != 0 {
		at = r.extension + skipped
	}
	r.Data, e.Extension = packet.SplitQuote(r.Data, skipped, at, r.From.Is6())
	return e
}
