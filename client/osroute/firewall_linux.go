package osroute

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// This file finds rules of nf_tables, iptables-nft among them, that drop what arrives on the device
// because of where it comes from. Tailscale has one: its chain ts-input drops 100.64.0.0/10 on every
// interface but its own, and with it the answers of hops and servers in that range. A program of a
// rule is read as far as its source address and input interface decide; a rule that looks at
// anything else is taken for one that does not match, as is what is hidden from us: the older
// iptables, and eBPF.
//
// A rule is a list of expressions (linux/netfilter/nf_tables.h):
//
//	payload   load LEN bytes at OFFSET of the network header into a register
//	meta      load the name of the input interface, or the protocol family
//	bitwise   register & mask ^ xor
//	cmp       go on where the register is (not) equal to data
//	immediate a verdict; reject is one, too
const (
	nftGetRule, nftNewRule = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE, unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_NEWRULE

	maxFirewallRules = 8192 // that are read
	maxSources       = 64   // that are tried on each

	verdictDrop, verdictAccept = 0, 1 // NF_DROP, NF_ACCEPT

	sourceAt4, sourceAt6 = 12, 8 // of the source address in its header
)

// firewallRule is one rule of nf_tables.
type firewallRule struct {
	family       uint8 // NFPROTO_*
	table, chain string
	program      []expression
}

// expression is one step of a rule, with what a step of its kind has.
type expression struct {
	name         string
	from, to     uint32 // registers
	base, offset uint32 // of payload
	length       uint32
	key          uint32 // of meta
	op           uint32 // of cmp
	data, xor    []byte // of cmp and bitwise
	verdict      int32  // of immediate
	isVerdict    bool
}

// verdict says what the rule does with a packet from src that arrives on device: false where it
// does not match, or where that cannot be said.
func (r *firewallRule) verdict(src netip.Addr, device string) (code int32, ok bool) {
	family := uint8(unix.NFPROTO_IPV4)
	if src.Is6() {
		family = unix.NFPROTO_IPV6
	}
	if r.family != family && r.family != unix.NFPROTO_INET {
		return 0, false
	}
	registers := make(map[uint32][]byte)
	for i := range r.program {
		e := &r.program[i]
		switch e.name {
		case "counter", "log":
		case "payload":
			if registers[e.to] = e.load(src); registers[e.to] == nil {
				return 0, false
			}
		case "meta":
			switch e.key {
			case unix.NFT_META_IIFNAME:
				name := make([]byte, unix.IFNAMSIZ)
				copy(name, device)
				registers[e.to] = name
			case unix.NFT_META_NFPROTO:
				registers[e.to] = []byte{family}
			default:
				return 0, false
			}
		case "bitwise":
			if registers[e.to] = e.mask(registers[e.from]); registers[e.to] == nil {
				return 0, false
			}
		case "cmp":
			have := registers[e.from]
			if len(e.data) == 0 || len(have) < len(e.data) || e.op > unix.NFT_CMP_NEQ {
				return 0, false
			}
			if bytes.Equal(have[:len(e.data)], e.data) != (e.op == unix.NFT_CMP_EQ) {
				return 0, false
			}
		case "immediate":
			return e.verdict, e.isVerdict
		case "reject":
			return verdictDrop, true
		default:
			return 0, false
		}
	}
	return 0, false
}

// load returns what a payload expression loads of the source address, nil for anything else.
func (e *expression) load(src netip.Addr) []byte {
	at := uint32(sourceAt4)
	if src.Is6() {
		at = sourceAt6
	}
	b := src.AsSlice()
	if e.base != unix.NFT_PAYLOAD_NETWORK_HEADER || e.offset < at || e.length == 0 || e.offset-at+e.length > uint32(len(b)) {
		return nil
	}
	return b[e.offset-at:][:e.length]
}

// mask returns what a bitwise expression makes of a register, nil where it cannot.
func (e *expression) mask(b []byte) []byte {
	if len(b) == 0 || len(e.data) < len(b) || len(e.xor) < len(b) {
		return nil
	}
	out := make([]byte, len(b))
	for i := range b {
		out[i] = b[i]&e.data[i] ^ e.xor[i]
	}
	return out
}

// firewallWarnings names the chains that drop what comes from the edge's hops, the device's own
// addresses, with which the client refuses, or captured prefixes.
func firewallWarnings(cfg Config, rules []firewallRule) (out []Warning) {
	for _, s := range sourcesOf(cfg) {
		for i := range rules {
			r := &rules[i]
			code, ok := r.verdict(s, cfg.Device)
			if !ok || code != verdictDrop || accepted(rules, s, cfg.Device) {
				continue
			}
			what := "a captured destination"
			switch {
			case slices.Contains(cfg.Hops, s):
				what = "the edge's hop"
			case slices.ContainsFunc(cfg.Addrs, func(p netip.Prefix) bool { return p.Addr() == s }):
				what = "the client's own refusals"
			}
			w := Warning{
				Text: "this host's firewall drops what comes from " + s.String() + " (" + what + ") on " + cfg.Device + ": chain " + r.chain + " of table " + r.table,
				Hint: "accept the device before that: sudo iptables -I INPUT -i " + cfg.Device + " -j ACCEPT (ip6tables for IPv6), or the same in nft",
			}
			if !slices.ContainsFunc(out, func(x Warning) bool { return strings.HasSuffix(x.Text, "chain "+r.chain+" of table "+r.table) }) {
				out = append(out, w)
			}
		}
	}
	return out
}

// accepted says that a rule accepts the device's packets from src whatever else they are.
func accepted(rules []firewallRule, src netip.Addr, device string) bool {
	return slices.ContainsFunc(rules, func(r firewallRule) bool {
		code, ok := r.verdict(src, device)
		return ok && code == verdictAccept
	})
}

// sourcesOf returns addresses whose packets arrive on the device.
func sourcesOf(cfg Config) []netip.Addr {
	out := slices.Clone(cfg.Hops)
	for _, a := range cfg.Addrs {
		out = append(out, a.Addr())
	}
	for _, p := range cfg.Capture {
		if len(out) < maxSources && p.Bits() > 0 {
			out = append(out, last(p))
		}
	}
	return slices.DeleteFunc(uniq(out), func(a netip.Addr) bool { return !a.IsValid() })
}

// readFirewall returns the rules of nf_tables. Where the kernel has none, or does not show them,
// there are none.
func readFirewall() (out []firewallRule) {
	req := nl.NewNetlinkRequest(nftGetRule, unix.NLM_F_DUMP)
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC})
	_ = req.ExecuteIter(unix.NETLINK_NETFILTER, nftNewRule, func(msg []byte) bool {
		if len(msg) < nl.SizeofNfgenmsg {
			return true
		}
		if r, ok := parseFirewallRule(msg[0], msg[nl.SizeofNfgenmsg:]); ok {
			out = append(out, r)
		}
		return len(out) < maxFirewallRules
	})
	return out
}

func parseFirewallRule(family uint8, b []byte) (firewallRule, bool) {
	r := firewallRule{family: family}
	ok := eachAttr(b, func(kind uint16, value []byte) bool {
		switch kind {
		case unix.NFTA_RULE_TABLE:
			r.table = text(value)
		case unix.NFTA_RULE_CHAIN:
			r.chain = text(value)
		case unix.NFTA_RULE_EXPRESSIONS:
			return eachAttr(value, func(_ uint16, one []byte) bool {
				e, ok := parseExpression(one)
				r.program = append(r.program, e)
				return ok
			})
		}
		return true
	})
	return r, ok
}

func parseExpression(b []byte) (e expression, ok bool) {
	var data []byte
	ok = eachAttr(b, func(kind uint16, value []byte) bool {
		switch kind {
		case unix.NFTA_EXPR_NAME:
			e.name = text(value)
		case unix.NFTA_EXPR_DATA:
			data = value
		}
		return true
	})
	return e, ok && eachAttr(data, func(kind uint16, value []byte) bool {
		number := uint32(0)
		if len(value) == 4 {
			number = binary.BigEndian.Uint32(value)
		}
		switch e.name {
		case "payload":
			setNumber(kind, number, map[uint16]*uint32{unix.NFTA_PAYLOAD_DREG: &e.to, unix.NFTA_PAYLOAD_BASE: &e.base, unix.NFTA_PAYLOAD_OFFSET: &e.offset, unix.NFTA_PAYLOAD_LEN: &e.length})
		case "meta":
			setNumber(kind, number, map[uint16]*uint32{unix.NFTA_META_DREG: &e.to, unix.NFTA_META_KEY: &e.key})
		case "bitwise":
			setNumber(kind, number, map[uint16]*uint32{unix.NFTA_BITWISE_SREG: &e.from, unix.NFTA_BITWISE_DREG: &e.to})
			setData(kind, value, map[uint16]*[]byte{unix.NFTA_BITWISE_MASK: &e.data, unix.NFTA_BITWISE_XOR: &e.xor})
		case "cmp":
			setNumber(kind, number, map[uint16]*uint32{unix.NFTA_CMP_SREG: &e.from, unix.NFTA_CMP_OP: &e.op})
			setData(kind, value, map[uint16]*[]byte{unix.NFTA_CMP_DATA: &e.data})
		case "immediate":
			if kind == unix.NFTA_IMMEDIATE_DATA {
				e.verdict, e.isVerdict = parseVerdict(value)
			}
		}
		return true
	})
}

func setNumber(kind uint16, number uint32, into map[uint16]*uint32) {
	if at := into[kind]; at != nil {
		*at = number
	}
}

func setData(kind uint16, value []byte, into map[uint16]*[]byte) {
	if at := into[kind]; at != nil {
		eachAttr(value, func(kind uint16, value []byte) bool {
			if kind == unix.NFTA_DATA_VALUE {
				*at = value
			}
			return true
		})
	}
}

func parseVerdict(b []byte) (code int32, ok bool) {
	eachAttr(b, func(kind uint16, value []byte) bool {
		if kind != unix.NFTA_DATA_VERDICT {
			return true
		}
		return eachAttr(value, func(kind uint16, value []byte) bool {
			if kind == unix.NFTA_VERDICT_CODE && len(value) == 4 {
				code, ok = int32(binary.BigEndian.Uint32(value)), true
			}
			return true
		})
	})
	return code, ok
}

// eachAttr calls f for each attribute, without the flags of its type; false where they are cut
// short, or f says so.
func eachAttr(b []byte, f func(kind uint16, value []byte) bool) bool {
	for len(b) >= syscall.SizeofRtAttr {
		size := int(nl.NativeEndian().Uint16(b))
		if size < syscall.SizeofRtAttr || size > len(b) {
			return false
		}
		if !f(nl.NativeEndian().Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[syscall.SizeofRtAttr:size]) {
			return false
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return len(b) == 0
}

// text is a string of netlink, which ends with a zero.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
