package obs

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestAStrangerFillsNoLog: 602 handshakes a second were 10 GB of log a day.
func TestAStrangerFillsNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		s, log := NewSparse(), zap.New(core)
		from := netip.MustParseAddr("192.0.2.1")
		for range 6020 {
			s.Warn(log, from, "refused", "link refused")
			time.Sleep(time.Second / 602)
		}
		s.Warn(log, netip.MustParseAddr("192.0.2.77"), "expired", "link refused")
		s.Warn(log, netip.MustParseAddr("198.51.100.1"), "refused", "link refused")
		if n := logs.Len(); n != 5+2 {
			t.Errorf("%d lines, want 5 and one each of another cause and another network", n)
		}
		logs.TakeAll()
		time.Sleep(10 * time.Second)
		s.Warn(log, from, "refused", "link refused")
		all := logs.All()
		if len(all) != 1 || all[0].ContextMap()["suppressed"] != uint64(6015) {
			t.Errorf("later: %v, want one line with 6015 suppressed", all)
		}
	})
}
