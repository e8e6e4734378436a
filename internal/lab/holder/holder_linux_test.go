package holder

import (
	"strings"
	"testing"
)

func TestHolderIsNotForPeople(t *testing.T) {
	if err := Run(t.Context()); err == nil || !strings.Contains(err.Error(), "oneping lab up") {
		t.Errorf("Run = %v", err)
	}
}
