package lab

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// LinkOption names a link of the topology by its two ends, in any order, and
// says how it differs from a plain one.
type LinkOption struct {
	A, B  string
	Shape Shape
}

// Shape is what a link does to frames. Its zero value is a plain link.
type Shape struct {
	// Delay is added to each frame, in each direction.
	Delay time.Duration `json:"delay,omitempty"`
	// Jitter varies the delay uniformly by up to this much either way. Frames
	// keep their order.
	Jitter time.Duration `json:"jitter,omitempty"`
	// Loss is the probability, 0 to 1, that a frame is dropped.
	Loss float64 `json:"loss,omitempty"`
	// Rate limits each direction, in bits per second; 0 is unlimited.
	Rate int64 `json:"rate,omitempty"`
	// MTU of both ends in bytes; 0 is 1500.
	MTU int `json:"mtu,omitempty"`
}

// Active reports whether frames must pass through the link process; an MTU
// alone is a property of the devices.
func (s Shape) Active() bool {
	return s.Delay > 0 || s.Jitter > 0 || s.Loss > 0 || s.Rate > 0
}

// ParseLink reads "a-b:delay=20ms,jitter=5ms,loss=1%,rate=10mbit,mtu=1280".
func ParseLink(text string) (LinkOption, error) {
	ends, list, ok := strings.Cut(text, ":")
	a, b, two := strings.Cut(ends, "-")
	if !ok || !two || a == "" || b == "" || list == "" {
		return LinkOption{}, fmt.Errorf("link %q: want NODE-NODE:KEY=VALUE,…", text)
	}
	shape, err := ParseShape(list)
	if err != nil {
		return LinkOption{}, fmt.Errorf("link %q: %w", text, err)
	}
	return LinkOption{A: a, B: b, Shape: shape}, nil
}

// ParseShape reads "delay=20ms,jitter=5ms,loss=1%,rate=10mbit,mtu=1280".
func ParseShape(text string) (Shape, error) {
	var s Shape
	for field := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(field, "=")
		if err := s.set(key, value); err != nil {
			return Shape{}, err
		}
	}
	return s, nil
}

// String returns what ParseShape reads, or "" for a plain link.
func (s Shape) String() string {
	var fields []string
	add := func(set bool, format string, value any) {
		if set {
			fields = append(fields, fmt.Sprintf(format, value))
		}
	}
	add(s.Delay > 0, "delay=%v", s.Delay)
	add(s.Jitter > 0, "jitter=%v", s.Jitter)
	add(s.Loss > 0, "loss=%v", s.Loss)
	add(s.Rate > 0, "rate=%dbit", s.Rate)
	add(s.MTU > 0, "mtu=%d", s.MTU)
	return strings.Join(fields, ",")
}

func (s *Shape) set(key, value string) (err error) {
	switch key {
	case "delay":
		s.Delay, err = parseDelay(value)
	case "jitter":
		s.Jitter, err = parseDelay(value)
	case "loss":
		s.Loss, err = parseLoss(value)
	case "rate":
		s.Rate, err = parseRate(value)
	case "mtu":
		s.MTU, err = strconv.Atoi(value)
		if err != nil || s.MTU < 576 || s.MTU > 9000 {
			err = fmt.Errorf("want 576 to 9000 bytes, not %q", value)
		}
	default:
		return fmt.Errorf("unknown property %q: want delay, jitter, loss, rate or mtu", key)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func parseDelay(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || d > time.Minute {
		return 0, fmt.Errorf("want a time such as 20ms, not %q", value)
	}
	return d, nil
}

func parseLoss(value string) (float64, error) {
	number, percent := strings.CutSuffix(value, "%")
	p, err := strconv.ParseFloat(number, 64)
	if percent {
		p /= 100
	}
	if err != nil || !(p >= 0 && p <= 1) {
		return 0, fmt.Errorf("want a share such as 1%%, not %q", value)
	}
	return p, nil
}

func parseRate(value string) (int64, error) {
	number, factor := value, float64(1)
	for _, unit := range []struct {
		suffix string
		factor float64
	}{{"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"bit", 1}} {
		if cut, ok := strings.CutSuffix(value, unit.suffix); ok {
			number, factor = cut, unit.factor
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if bits := n * factor; err == nil && bits >= 1e3 && bits <= 1e11 {
		return int64(bits), nil
	}
	return 0, fmt.Errorf("want a rate such as 10mbit, at least 1kbit, not %q", value)
}
