// Command wineshim writes bcryptprimitives.dll for Wine 8, which has none and without which no
// program of Go starts: a PE32+ library without code whose one export, ProcessPrng, is forwarded to
// ADVAPI32.SystemFunction036 (RtlGenRandom, the same arguments). scripts/wine puts it into its
// prefix.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
)

const (
	section   = 0x1000 // where the one section lies in memory
	alignment = 0x200  // of headers and section in the file
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: wineshim FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], library(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "wineshim:", err)
		os.Exit(1)
	}
}

// library returns the file: headers, and behind them the section.
func library() []byte {
	exports := exportSection()
	b := headers(len(exports))
	b = append(b, make([]byte, alignment-len(b))...)
	b = append(b, exports...)
	return append(b, make([]byte, 2*alignment-len(b))...)
}

// exportSection is an export directory (40 bytes) with its address, name and ordinal tables and its
// texts. An address that lies within the section is a forwarder.
func exportSection() []byte {
	const addresses, names, ordinals, texts = 40, 44, 48, 52
	name, function, target := "bcryptprimitives.dll\x00", "ProcessPrng\x00", "ADVAPI32.SystemFunction036\x00"
	le := binary.LittleEndian
	b := make([]byte, texts, alignment)
	le.PutUint32(b[12:], section+texts) // the library's name
	le.PutUint32(b[16:], 1)             // first ordinal
	le.PutUint32(b[20:], 1)             // addresses
	le.PutUint32(b[24:], 1)             // names
	le.PutUint32(b[28:], section+addresses)
	le.PutUint32(b[32:], section+names)
	le.PutUint32(b[36:], section+ordinals)
	le.PutUint32(b[addresses:], uint32(section+texts+len(name)+len(function)))
	le.PutUint32(b[names:], uint32(section+texts+len(name)))
	return append(b, name+function+target...)
}

// headers returns the DOS, PE, optional and section headers (Microsoft PE Format).
func headers(size int) []byte {
	var b bytes.Buffer
	dos := make([]byte, 64)
	copy(dos, "MZ")
	binary.LittleEndian.PutUint32(dos[60:], 64)
	b.Write(dos)
	b.WriteString("PE\x00\x00")
	for _, v := range []any{
		uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022), // amd64, one section, a DLL
		uint16(0x20b), uint16(14), uint32(0), uint32(alignment), uint32(0), uint32(0), uint32(section), // PE32+, no entry point
		uint64(0x26f0000000), uint32(section), uint32(alignment), uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0),
		uint32(0), uint32(2 * section), uint32(alignment), uint32(0), uint16(3), uint16(0x160),
		uint64(0x100000), uint64(0x1000), uint64(0x100000), uint64(0x1000), uint32(0), uint32(16),
		uint32(section), uint32(size),
		[15]uint64{}, // the directories: exports alone
		[8]byte{'.', 'e', 'd', 'a', 't', 'a'},
		uint32(size), uint32(section), uint32(alignment), uint32(alignment),
		uint32(0), uint32(0), uint32(0), uint32(0x40000040),
	} {
		_ = binary.Write(&b, binary.LittleEndian, v) // a buffer takes everything
	}
	return b.Bytes()
}
