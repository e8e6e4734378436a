package link

import "testing"

func TestASessionChangesItsClassOnce(t *testing.T) {
	var c SessionClass
	for i, step := range []struct {
		size int
		want Class
	}{{0, Interactive}, {bulkPayload, Interactive}, {bulkPayload + 1, Bulk}, {60, Bulk}, {0, Bulk}} {
		if got := c.Of(step.size); got != step.want {
			t.Errorf("payload %d of %d bytes: class %d, want %d", i, step.size, got, step.want)
		}
	}
	var next SessionClass
	if next.Inherit(&c); next.Of(1) != Bulk {
		t.Error("the session in its place begins anew")
	}
}
