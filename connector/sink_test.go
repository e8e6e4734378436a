package connector

import (
	"context"

	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/connector/udp"
	"github.com/oneping/oneping/proto/packet"
)

// sink is a transport: what is sent there is gone.
type sink struct{}

func (sink) Name() string                             { return "sink" }
func (sink) Attach(*icmp.NAT)                         {}
func (sink) Alone(icmp.Outer) bool                    { return false }
func (sink) Raw() bool                                { return false }
func (sink) Records() bool                            { return false }
func (sink) Release(icmp.Outer)                       {}
func (sink) Close()                                   {}
func (sink) Run(context.Context) error                { return context.Canceled }
func (sink) Open(_ bool, want uint16) (uint16, error) { return want, nil }
func (sink) Send(icmp.Request) (v packet.Verdict)     { return v }

// udpSink is a sink for sessions.
type udpSink struct{ sink }

func (udpSink) Open(*udp.Session) (s udp.Socket, v packet.Verdict) { return udpSink{}, v }
func (udpSink) Send(udp.Datagram) (v packet.Verdict)               { return v }
