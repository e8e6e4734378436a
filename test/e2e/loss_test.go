//go:build linux

package e2e

import (
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
)

// Twenty packets of a hundred are lost in each direction between laptop and edge: both say so, of
// each direction, from what an ordinary ping sends. What the edge then refuses is not ok.
func TestStatusSaysWhatIsLostAndRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--link", "laptop-edge:loss=20%")
	type status struct {
		Link    link.Info
		Reasons map[string]uint64
	}
	about := func(what string, loss link.Loss, percent float64) {
		t.Helper()
		if got := 100 * float64(loss.Lost) / float64(loss.Datagrams); got < percent-12 || got > percent+12 {
			t.Errorf("%s: %s, want about %.0f %%", what, loss, percent)
		}
	}
	l.exec("laptop", "ping", "-q", "-c", "300", "-i", "0.01", "-W", "1", serverV4)
	var laptop status
	defer func() { t.Logf("to the edge %s, from it %s", laptop.Link.LossOut, laptop.Link.LossIn) }()
	l.poll("laptop and edge have told each other", 20*time.Second, func() bool {
		l.json("laptop", &laptop, "oneping", "client", "status", "--json")
		return laptop.Link.LossOut.Datagrams > 200 && laptop.Link.LossIn.Datagrams > 150
	})
	about("to the edge", laptop.Link.LossOut, 20)
	about("from the edge", laptop.Link.LossIn, 20)
	var edge struct{ Devices []status }
	l.json("edge", &edge, "oneping", "edge", "status", "--json")
	if len(edge.Devices) != 1 {
		t.Fatalf("%d devices", len(edge.Devices))
	}
	about("edge, to the laptop", edge.Devices[0].Link.LossOut, 20)
	about("edge, from the laptop", edge.Devices[0].Link.LossIn, 20)
	var connector status
	l.json("connector", &connector, "oneping", "connector", "status", "--json")
	about("to the edge from the connector", connector.Link.LossOut, 0)
	about("from the edge to the connector", connector.Link.LossIn, 0)

	l.stop("connector")
	before := laptop.Reasons["connector down"]
	l.exec("laptop", "ping", "-q", "-c", "20", "-i", "0.02", "-W", "1", serverV4)
	l.poll("refusals", 10*time.Second, func() bool {
		l.json("laptop", &laptop, "oneping", "client", "status", "--json")
		return laptop.Reasons["connector down"] >= before+5
	})
}
