package path

import (
	"os"
	"testing"

	"github.com/oneping/oneping/internal/flow"
)

// script is a device whose reads are written down: how many packets were lost before each of them.
type script struct {
	lost    []uint64
	dropped uint64
}

func (s *script) Read(bufs [][]byte, sizes []int) (int, error) {
	if len(s.lost) == 0 {
		return 0, os.ErrClosed
	}
	s.dropped, s.lost = s.dropped+s.lost[0], s.lost[1:]
	return 0, nil
}

func (s *script) Write([][]byte) error  { return os.ErrInvalid }
func (s *script) WriteOne([]byte) error { return os.ErrInvalid }
func (s *script) BatchSize() int        { return 1 }
func (s *script) Dropped() uint64       { return s.dropped }

// What the device could not hand over has ended, too, and is counted.
func TestPacketsLostInTheDeviceAreCounted(t *testing.T) {
	p := New(flow.NewBudget(1 << 20))
	p.Attach(&script{lost: []uint64{1, 0, 3}}, nil)
	if err := p.RunDevice(t.Context()); err == nil || err.Error() != "read TUN device: the TUN device is gone; was it deleted?" {
		t.Errorf("the loop ended with %v", err)
	}
	if got := p.Status().Reasons["malformed"]; got != 4 {
		t.Errorf("%d malformed, want the 4 that were lost; counted %v", got, p.Status().Reasons)
	}
}
