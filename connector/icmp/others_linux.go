package icmp

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// The kernel lists the raw and the ping sockets of this host to everybody, a line each:
//
//	/proc/thread-self/net/raw, raw6     sl  local_address:PROTOCOL (in hex) …
//	/proc/thread-self/net/icmp, icmp6   sl  local_address:IDENTIFIER (in hex) …

// othersFor is how long what has been read is believed: a flood of odd replies reads it once a second.
const othersFor = time.Second

// others knows which sockets of this host, ours included, send ICMP. Safe for concurrent use.
type others struct {
	// guarded by mu
	mu     sync.Mutex
	lists  [2]socketList // IPv4, IPv6
	readAt [2]time.Time
}

// socketList is what one family has.
type socketList struct {
	raw    int                 // sockets of ICMP or ICMPv6; -1: not known
	idents map[uint16]struct{} // of ping sockets
}

// raw returns how many raw sockets send ICMP of one family; more than any where that is not known.
func (o *others) raw(v6 bool, now time.Time) int {
	if l := o.list(v6, now); l.raw >= 0 {
		return l.raw
	}
	return 1 << 16
}

// ping says whether there is a ping socket with that identifier.
func (o *others) ping(v6 bool, ident uint16, now time.Time) bool {
	_, ok := o.list(v6, now).idents[ident]
	return ok
}

func (o *others) list(v6 bool, now time.Time) socketList {
	i, raw, ping, proto := 0, "/proc/thread-self/net/raw", "/proc/thread-self/net/icmp", uint16(packet.ICMP)
	if v6 {
		i, raw, ping, proto = 1, "/proc/thread-self/net/raw6", "/proc/thread-self/net/icmp6", packet.ICMPv6
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.readAt[i]) < othersFor {
		return o.lists[i]
	}
	l := socketList{raw: -1, idents: make(map[uint16]struct{})}
	if text, err := os.ReadFile(raw); err == nil {
		l.raw = 0
		for _, p := range localPorts(text) {
			if p == proto {
				l.raw++
			}
		}
	}
	if text, err := os.ReadFile(ping); err == nil {
		for _, p := range localPorts(text) {
			l.idents[p] = struct{}{}
		}
	}
	o.lists[i], o.readAt[i] = l, now
	return l
}

// localPorts returns what stands behind the local address in each line of one of these files.
func localPorts(text []byte) (ports []uint16) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) < 2 {
			continue
		}
		_, port, ok := bytes.Cut(fields[1], []byte(":"))
		if n, err := strconv.ParseUint(string(port), 16, 16); ok && err == nil {
			ports = append(ports, uint16(n))
		}
	}
	return ports
}
