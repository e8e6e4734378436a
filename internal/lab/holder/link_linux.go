package holder

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/lab"
)

// RunLink is the hidden command `lab link`: it joins the two TAP devices
// that it finds as descriptors 3 and 4.
func RunLink(ctx context.Context, shape lab.Shape, seed uint64) error {
	var ends [2]*os.File
	for i := range ends {
		fd := 3 + i
		if err := unix.SetNonblock(fd, true); err != nil {
			return fmt.Errorf("lab link: descriptor %d: %w; started by the lab, never by hand", fd, err)
		}
		ends[i] = os.NewFile(uintptr(fd), fmt.Sprintf("tap %d", i))
	}
	return joinDevices(ctx, shape, seed, ends[0], ends[1])
}
