package process

import "testing"

func TestDescriptorLimit(t *testing.T) {
	n, err := RaiseDescriptorLimit()
	if err != nil || n == 0 {
		t.Errorf("limit %d, %v", n, err)
	}
}
