package probe

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
)

// kernel is what the senders share: the configuration, room for a message, what has been heard and
// not been fetched, and the wake-up.
type kernel struct {
	Config
	source netip.Addr
	m      *sock.Message
	heard  []Answer
	wake   int // an eventfd
	poll   []unix.PollFd
}

func newKernel(c Config) (*kernel, error) {
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create event: %w", err)
	}
	return &kernel{Config: c, m: sock.NewMessage(0, sock.MaxPayload), wake: wake}, nil
}

// Source returns the address that packets leave from.
func (k *kernel) Source() netip.Addr { return k.source }

// learnSource asks the routes where packets leave from, by a UDP socket that sends nothing: it has the
// errors of who has no route, too.
func (k *kernel) learnSource() error {
	fd, err := k.kind(unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	const discard = 9
	if err := k.connect(fd, discard); err != nil {
		return err
	}
	at, err := sock.LocalAddr(fd)
	if err != nil {
		return fmt.Errorf("find own address: %w", err)
	}
	k.source = at.Addr()
	return nil
}

// Wake ends the wait of now, or the next one.
func (k *kernel) Wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(k.wake, one[:])
}

// Close frees the wake-up.
func (k *kernel) Close() error { return unix.Close(k.wake) }

// begin starts a list of descriptors to wait for.
func (k *kernel) begin() {
	k.poll = append(k.poll[:0], unix.PollFd{Fd: int32(k.wake), Events: unix.POLLIN})
}

func (k *kernel) await(fd int, events int16) {
	k.poll = append(k.poll, unix.PollFd{Fd: int32(fd), Events: events})
}

// ready waits until one of the descriptors has something to say, or until a moment; what has been
// heard already is reason not to wait.
func (k *kernel) ready(until time.Time) error {
	wait := &unix.Timespec{}
	switch {
	case len(k.heard) > 0:
	case until.IsZero():
		wait = nil
	default:
		*wait = unix.NsecToTimespec(max(0, time.Until(until)).Nanoseconds())
	}
	if _, err := unix.Ppoll(k.poll, wait, nil); err != nil && err != unix.EINTR {
		return fmt.Errorf("wait for sockets: %w", err)
	}
	if k.poll[0].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(k.wake, count[:])
	}
	return nil
}

// fetch returns what has been heard.
func (k *kernel) fetch() []Answer {
	heard := k.heard
	k.heard = nil
	return heard
}

// hear notes an answer.
func (k *kernel) hear(a Answer, stamp unix.Timespec) {
	a.At = time.Now()
	if stamp.Sec != 0 {
		a.At = time.Unix(stamp.Unix())
	}
	if a.From.Is6() && a.From.IsLinkLocalUnicast() {
		a.From = a.From.WithZone(cmp.Or(k.Dst.Zone(), k.Device))
	}
	k.heard = append(k.heard, a)
}

// hearError notes what the error queue of a socket says about packet seq. Who sent it has to be known:
// our own kernel's refusals come as errors of the send.
func (k *kernel) hearError(seq uint16, e *sock.QueuedError) {
	if !e.Local {
		k.hear(Answer{Kind: Error, Seq: seq, From: e.From, TTL: e.TTL, Type: e.Type, Code: e.Code, Info: e.Info}, e.Stamp)
	}
}
