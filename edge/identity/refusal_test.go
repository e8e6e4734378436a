package identity

import (
	"testing"

	"github.com/oneping/oneping/edge/state"
)

func TestTokenAdvice(t *testing.T) {
	const device, tunnel = "make a new one on the edge: oneping device token --user USER", "print the present one on the edge: oneping tunnel token NAME"
	for why, want := range map[state.Why]string{
		state.TokenUnknown:   "its tunnel may be deleted; " + device + ", or oneping tunnel token NAME",
		state.TokenRotated:   tunnel,
		state.TokenWithdrawn: device,
		state.TokenUsed:      device,
		state.TokenExpired:   device,
		state.TokenOrphaned:  tunnel,
		state.ConnectorsFull: "does one of them start again and again without keeping its --state-dir? Rotate the token if it is in wrong hands: oneping tunnel token NAME --rotate",
	} {
		if got := tokenAdvice(why); got != want {
			t.Errorf("%d: %q, want %q", why, got, want)
		}
	}
}
