package probe

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Tally is what a pinger has counted. The words and numbers are those of ping.
type Tally struct {
	Sent, Received, Again, Errors int

	began, last       time.Time // first and last request
	shortest, longest time.Duration
	sum, squares      int64 // of round trips, in microseconds
	smooth            int64 // eight times their moving average, in microseconds
	pipe              int
}

// heard counts a reply; again, one that another has come before.
func (t *Tally) heard(rtt time.Duration, again bool) {
	us := rtt.Microseconds()
	if t.Received+t.Again == 0 {
		t.shortest, t.smooth = rtt, us*8
	} else {
		t.smooth += us - t.smooth/8
	}
	t.shortest, t.longest = min(t.shortest, rtt), max(t.longest, rtt)
	t.sum, t.squares = t.sum+us, t.squares+us*us
	if again {
		t.Again++
	} else {
		t.Received++
	}
}

// piped notes how many requests followed one before its answer came.
func (t *Tally) piped(behind uint16) {
	if behind <= math.MaxInt16 {
		t.pipe = max(t.pipe, int(behind)+1)
	}
}

// Loss returns how many of a hundred requests have no reply.
func (t *Tally) Loss() float64 {
	if t.Sent == 0 {
		return 0
	}
	return float64(t.Sent-t.Received) * 100 / float64(t.Sent)
}

// Took returns how long after the first request the last one left.
func (t *Tally) Took() time.Duration {
	if t.Sent == 0 {
		return 0
	}
	return t.last.Sub(t.began)
}

// mean returns the average round trip and its mean deviation, in microseconds.
func (t *Tally) mean() (average, deviation int64) {
	n := int64(t.Received + t.Again)
	if n == 0 {
		return 0, 0
	}
	average = t.sum / n
	variance := (t.squares - t.sum*t.sum/n) / n
	if t.sum >= math.MaxInt32 { // the square of the sum has no room
		variance = t.squares/n - average*average
	}
	return average, int64(math.Sqrt(float64(max(0, variance))))
}

// counts returns the line of statistics; timed is whether a time was sent along.
func (t *Tally) counts() string {
	s := fmt.Sprintf("%d packets transmitted, %d received", t.Sent, t.Received)
	if t.Again > 0 {
		s += fmt.Sprintf(", +%d duplicates", t.Again)
	}
	if t.Errors > 0 {
		s += fmt.Sprintf(", +%d errors", t.Errors)
	}
	if t.Sent > 0 {
		took := (t.Took() + time.Millisecond/2).Milliseconds()
		s += fmt.Sprintf(", %s%% packet loss, time %dms", strconv.FormatFloat(float64(float32(t.Loss())), 'g', 6, 64), took)
	}
	return s
}

// times returns the line of round trips, "" where there are none.
func (t *Tally) times(timed bool) string {
	s := ""
	if t.Received > 0 && timed {
		average, deviation := t.mean()
		s = fmt.Sprintf("rtt min/avg/max/mdev = %s/%s/%s/%s ms",
			thousandths(t.shortest.Microseconds()), thousandths(average), thousandths(t.longest.Microseconds()), thousandths(deviation))
	}
	if t.pipe > 1 {
		if s != "" {
			s += ", "
		}
		s += fmt.Sprintf("pipe %d", t.pipe)
	}
	return s
}

// status returns the line that SIGQUIT asks for.
func (t *Tally) status(timed bool) string {
	s := fmt.Sprintf("%d/%d packets, %d%% loss", t.Received, t.Sent, int(t.Loss()))
	if t.Received > 0 && timed {
		average, _ := t.mean()
		s += fmt.Sprintf(", min/avg/ewma/max = %s/%s/%s/%s ms",
			thousandths(t.shortest.Microseconds()), thousandths(average), thousandths(t.smooth/8), thousandths(t.longest.Microseconds()))
	}
	return s
}

// thousandths writes a thousandth of n with three digits behind the point, none of them rounded.
func thousandths(n int64) string { return fmt.Sprintf("%d.%03d", n/1000, n%1000) }
