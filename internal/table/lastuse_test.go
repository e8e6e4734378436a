package table

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLastUse(t *testing.T) { synctest.Test(t, lastUse) }

func lastUse(t *testing.T) {
	now := time.Now()
	var u LastUse
	u.Begin(now)
	if u.Ago(now.Add(time.Second)) != time.Second || !u.At().Equal(now) || u.UnixNano() != now.UnixNano() {
		t.Errorf("begun: %v ago, at %v", u.Ago(now.Add(time.Second)), u.At())
	}
	time.Sleep(time.Minute)
	u.Touch()
	if u.Ago(now.Add(time.Hour)) != 59*time.Minute || u.UnixNano() != now.Add(time.Minute).UnixNano() {
		t.Errorf("touched: %v ago", u.Ago(now.Add(time.Hour)))
	}
	if allocs := testing.AllocsPerRun(100, u.Touch); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
