package policy

// traceWord is the term of `how` under which the tools that show a path work without options: ICMP,
// and the UDP ports to which they count up from their first, one for each probe. TCP is not among
// it: a TCP traceroute asks for the service itself, and what grants that grants it.
const traceWord = "trace"

// The UDP ports of probes.
const (
	mtrFrom        = 33000       // mtr -u
	tracerouteFrom = 33434       // traceroute (IANA: traceroute), oneping trace
	tracerouteTo   = 33534       // 30 hops of three probes, and some
	tracepathFrom  = 44444       // tracepath of iputils
	tracepathTo    = 44444 + 63  // then it begins again
	longTraceTo    = 33434 + 255 // where traceroute -q gets to; told from no other probe in the log
)

// tracePorts returns what the word trace stands for.
func tracePorts() []ports {
	return []ports{
		{proto: ICMP, to: 65535},
		{proto: UDP, from: mtrFrom, to: tracerouteTo},
		{proto: UDP, from: tracepathFrom, to: tracepathTo},
	}
}

// probePort returns one port for all those to which one run of a tool counts up, so that a trace
// is one denial, not thirty; every other port as it is.
func probePort(port uint16) uint16 {
	switch {
	case port >= mtrFrom && port < tracerouteFrom:
		return mtrFrom
	case port >= tracerouteFrom && port <= longTraceTo:
		return tracerouteFrom
	case port >= tracepathFrom && port <= tracepathTo:
		return tracepathFrom
	}
	return port
}

// isProbe says whether a UDP port is one of those.
func isProbe(port uint16) bool {
	base := probePort(port)
	return base == mtrFrom || base == tracerouteFrom || base == tracepathFrom
}
