package probe

import (
	"context"
	"encoding/json"
	"io"
	"net/netip"
)

// PingJSON writes what a pinger hears as JSON, a line each, and at the end a line of statistics.
type PingJSON struct {
	enc   *json.Encoder
	names *Names // nil: none
}

// NewPingJSON returns a writer to out. names is nil where they are not asked for.
func NewPingJSON(out io.Writer, names *Names) *PingJSON {
	return &PingJSON{enc: json.NewEncoder(out), names: names}
}

// eventJSON is one line.
type eventJSON struct {
	Event   string  `json:"event"` // reply, error, unanswered, unsent, status
	Seq     uint16  `json:"seq,omitempty"`
	Address string  `json:"address,omitempty"`
	Name    string  `json:"name,omitempty"`
	Bytes   int     `json:"bytes,omitempty"`
	TTL     uint8   `json:"ttl,omitempty"`
	MS      float64 `json:"ms,omitempty"`
	Again   bool    `json:"duplicate,omitempty"`
	Damaged bool    `json:"damaged,omitempty"`
	Text    string  `json:"text,omitempty"`
	Type    uint8   `json:"type,omitempty"`
	Code    uint8   `json:"code,omitempty"`
	MTU     uint32  `json:"mtu,omitempty"`
}

// statisticsJSON is the last line, and the status.
type statisticsJSON struct {
	Event      string   `json:"event"` // statistics, status
	Host       string   `json:"host,omitempty"`
	Sent       int      `json:"sent"`
	Received   int      `json:"received"`
	Duplicates int      `json:"duplicates"`
	Errors     int      `json:"errors"`
	Loss       float64  `json:"loss_percent"`
	MS         int64    `json:"ms"`
	RTT        *rttJSON `json:"rtt_ms,omitempty"`
}

type rttJSON struct {
	Min     float64 `json:"min"`
	Average float64 `json:"avg"`
	Max     float64 `json:"max"`
	Mdev    float64 `json:"mdev"`
}

func (p *PingJSON) from(ctx context.Context, e *eventJSON, a netip.Addr) {
	e.Address = a.String()
	if p.names != nil {
		e.Name = p.names.Of(ctx, a)
	}
}

// Echo writes a reply.
func (p *PingJSON) Echo(ctx context.Context, e Echo) error {
	a := &e.Answer
	line := eventJSON{Event: "reply", Seq: a.Seq, Bytes: len(a.Data) + 8, TTL: a.TTL, MS: inMilliseconds(e.RTT), Again: e.Again}
	line.Damaged = len(a.Data) != len(e.Wanted)
	for i := timeSize; i < min(len(a.Data), len(e.Wanted)); i++ {
		line.Damaged = line.Damaged || a.Data[i] != e.Wanted[i]
	}
	p.from(ctx, &line, a.From)
	return p.enc.Encode(line)
}

// Error writes an ICMP error.
func (p *PingJSON) Error(ctx context.Context, a Answer) error {
	line := eventJSON{Event: "error", Seq: a.Seq, TTL: a.TTL, Text: a.Words(), Type: a.Type, Code: a.Code}
	if a.tooBig() {
		line.MTU = a.Info
	}
	p.from(ctx, &line, a.From)
	return p.enc.Encode(line)
}

// Unanswered writes that a request has no answer yet.
func (p *PingJSON) Unanswered(seq uint16) error {
	return p.enc.Encode(eventJSON{Event: "unanswered", Seq: seq})
}

// Unsent writes why a request did not leave this host.
func (p *PingJSON) Unsent(seq uint16, mtu uint32, err error) error {
	line := eventJSON{Event: "unsent", Seq: seq, MTU: mtu, Text: "message too long"}
	if err != nil {
		line.Text = err.Error()
	}
	return p.enc.Encode(line)
}

// Status writes how it goes.
func (p *PingJSON) Status(t *Tally) error { return p.enc.Encode(statistics("status", "", t)) }

// End writes the statistics.
func (p *PingJSON) End(host string, t *Tally) error {
	return p.enc.Encode(statistics("statistics", host, t))
}

func statistics(event, host string, t *Tally) statisticsJSON {
	s := statisticsJSON{
		Event: event, Host: host, Sent: t.Sent, Received: t.Received, Duplicates: t.Again, Errors: t.Errors,
		Loss: t.Loss(), MS: t.Took().Milliseconds(),
	}
	if t.Received > 0 {
		average, deviation := t.mean()
		s.RTT = &rttJSON{
			Min: inMilliseconds(t.shortest), Average: float64(average) / 1e3,
			Max: inMilliseconds(t.longest), Mdev: float64(deviation) / 1e3,
		}
	}
	return s
}
