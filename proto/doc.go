// Package proto holds the wire formats of oneping: datagrams, stream headers,
// flow frames, control messages and tokens.
//
// All of it is pure: bytes in, values out, standard library only. Fixed binary
// layouts are big endian and drawn as rows of 32 bits above the code that
// writes and reads them. An Append function appends to a slice and never
// fails; a Parse function checks the length first, never panics, and returns
// slices that alias its input.
package proto

import "errors"

// ErrShort is returned by a Parse function whose input ends too early.
var ErrShort = errors.New("parse: input ends too early")

// ErrMalformed is returned by a Parse function whose input cannot be what it
// claims to be.
var ErrMalformed = errors.New("parse: malformed input")

const (
	// ALPN names the protocol of a link: mutual certificates.
	ALPN = "oneping/1"
	// EnrolALPN names the protocol of one enrolment request: no client certificate.
	EnrolALPN = "oneping-enrol/1"
	// EdgeName is the fixed name in every edge's certificate.
	EdgeName = "edge.oneping.internal"
	// Port is the UDP port of an edge.
	Port = 7844
)
