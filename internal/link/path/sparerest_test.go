package path

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

// Where a second flow is blocked for good, a spare path is asked for ever more rarely, after a
// switch soon again.
func TestASpareThatIsNeverHeardIsTriedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []int // seconds
		start := time.Now()
		ps := &paths{remote: netip.MustParseAddrPort("127.0.0.1:7844"), log: zap.NewNop(), net: Kernel{
			Control: func(string, string, syscall.RawConn) error {
				at = append(at, int(time.Since(start)/time.Second))
				return errors.New("no second socket")
			},
		}}
		run := func(d time.Duration) []int {
			at, start = nil, time.Now()
			for time.Since(start) < d {
				ps.trySpare(t.Context())
				time.Sleep(spareRest)
			}
			return at
		}
		if got, want := run(5*time.Minute), []int{0, 5, 15, 35, 75, 135, 195, 255}; !slices.Equal(got, want) {
			t.Errorf("tried after %v s, want %v", got, want)
		}
		ps.spareWorked(time.Now()) // as a switch does
		if got, want := run(time.Minute), []int{5, 10, 20, 40}; !slices.Equal(got, want) {
			t.Errorf("tried %v s after a switch, want %v", got, want)
		}
	})
}
