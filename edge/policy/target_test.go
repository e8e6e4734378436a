package policy

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

func TestParseTarget(t *testing.T) {
	v4, v6 := netip.MustParseAddr("172.16.10.120"), netip.MustParseAddr("fd00:10::120")
	for s, want := range map[string]Target{
		"icmp 172.16.10.120":      {Dst: v4, Proto: ICMP},
		"172.16.10.120":           {Dst: v4, Proto: ICMP},
		"tcp 172.16.10.120:22":    {Dst: v4, Proto: TCP, Port: 22},
		"172.16.10.120:22":        {Dst: v4, Proto: TCP, Port: 22},
		"172.16.10.120:22/tcp":    {Dst: v4, Proto: TCP, Port: 22},
		"udp 172.16.10.120:53":    {Dst: v4, Proto: UDP, Port: 53},
		"172.16.10.120:53/udp":    {Dst: v4, Proto: UDP, Port: 53},
		"icmp fd00:10::120":       {Dst: v6, Proto: ICMP},
		"fd00:10::120":            {Dst: v6, Proto: ICMP},
		"[fd00:10::120]":          {Dst: v6, Proto: ICMP},
		"tcp [fd00:10::120]:22":   {Dst: v6, Proto: TCP, Port: 22},
		"[fd00:10::120]:22":       {Dst: v6, Proto: TCP, Port: 22},
		"[fd00:10::120]:53/udp":   {Dst: v6, Proto: UDP, Port: 53},
		"::ffff:172.16.10.120":    {Dst: v4, Proto: ICMP},
		"udp [::ffff:10.0.0.1]:1": {Dst: netip.MustParseAddr("10.0.0.1"), Proto: UDP, Port: 1},
	} {
		got, err := ParseTarget(s)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", s, got, err, want)
		}
		if again, err := ParseTarget(got.String()); err != nil || again != got {
			t.Errorf("%q, written %q, is read as %+v, %v", s, got, again, err)
		}
	}
	for s, want := range map[string]string{
		"":                         `"" is not a target`,
		"server":                   `"server" is not a target`,
		"sctp 10.0.0.1:1":          `"sctp 10.0.0.1:1" is not a target`,
		"icmp 10.0.0.1:1":          `"icmp 10.0.0.1:1" is not a target`,
		"tcp 10.0.0.1":             `"tcp 10.0.0.1" is not a target`,
		"tcp 10.0.0.1:65536":       `"tcp 10.0.0.1:65536" is not a target`,
		"tcp 10.0.0.1:22/udp":      `"tcp 10.0.0.1:22/udp" is not a target`,
		"tcp  10.0.0.1:22":         `"tcp  10.0.0.1:22" is not a target`,
		"172.16.10.120:22/sctp":    `"172.16.10.120:22/sctp": unknown protocol "sctp"`,
		"172.16.10.120:22/":        `"172.16.10.120:22/": unknown protocol ""`,
		"172.16.10.120:22/icmp":    `"172.16.10.120:22/icmp": unknown protocol "icmp"`,
		"172.16.10.0/24":           `"172.16.10.0/24" is not a target`,
		"fd00:10::120:22/sctp/udp": `"fd00:10::120:22/sctp/udp" is not a target`,
	} {
		if _, err := ParseTarget(s); err == nil || err.Error() != want || advice.Of(err) == "" {
			t.Errorf("%q: %v, hint %q; want %s", s, err, advice.Of(err), want)
		}
	}
}

// A policy's own tests may be written in either spelling, with one meaning.
func TestTestsInBothSpellings(t *testing.T) {
	for _, spelling := range [][3]string{
		{"icmp 10.0.0.1", "tcp 10.0.0.1:22", "udp 10.0.0.1:22"},
		{"10.0.0.1", "10.0.0.1:22", "10.0.0.1:22/udp"},
	} {
		p := model.Policy{
			Grants: []model.Grant{{ID: "ssh", Who: []string{"alice"}, To: []string{"10.0.0.0/8"}, How: []string{"icmp", "tcp:22"}}},
			Tests:  []model.PolicyTest{{Who: "alice", Accept: spelling[:2], Deny: spelling[2:]}},
		}
		c, err := Compile(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(nil); err != nil {
			t.Errorf("%q: %v", spelling, err)
		}
		p.Tests[0].Accept, p.Tests[0].Deny = spelling[2:], spelling[:1]
		if c, err = Compile(p, nil); err != nil || c.Check(nil) == nil {
			t.Errorf("%q the other way round passes, or is not read: %v", spelling, err)
		}
	}
}
