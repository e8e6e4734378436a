package holder

import (
	"errors"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

func TestExplainMissing(t *testing.T) {
	_, err := findProgram("traceroute", "/", nil)
	err = explainMissing(err, "traceroute")
	if err.Error() != "traceroute: command not found" ||
		advice.Of(err) != "apt-get install traceroute (or the package of that name on your system)" {
		t.Errorf("explainMissing = %v, hint %q", err, advice.Of(err))
	}
	if other := errors.New("other"); explainMissing(other, "x") != other {
		t.Error("explainMissing changed another error")
	}
}
