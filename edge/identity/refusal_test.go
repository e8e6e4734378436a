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
		state.TokenCancelled: "make a new one on the edge: oneping tunnel token office",
		state.TokenUsed:      device,
		state.TokenExpired:   device,
		state.TokenEarly:     device,
		state.TokenOrphaned:  tunnel,
		state.ConnectorsFull: "on the edge, oneping connector list office shows them: put out who is not yours, oneping connector revoke ID, " +
			"or allow more, oneping tunnel set office --max-connectors N; one that is away for 15m makes room",
	} {
		if got := tokenAdvice(&state.Refusal{Why: why, Object: "office"}); got != want {
			t.Errorf("%d: %q, want %q", why, got, want)
		}
	}
}
