package identity

import (
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// refuse says why a node is not let in: text is for the person at the node, and goes there as the
// reason of the closed link; hint says what to do about it.
func refuse(code proto.Code, text, hint string) *link.RefusedError {
	return &link.RefusedError{Code: code, Err: &advice.Error{Text: text, Advice: hint}}
}

const (
	adviceClock  = "compare the clocks of both machines (timedatectl)"
	adviceDevice = "make a new one on the edge: oneping device token --user USER"
	adviceTunnel = "print the present one on the edge: oneping tunnel token NAME"
)

// enrolAdvice says how a node of a role gets in again; "" is one of which the role is not known.
func enrolAdvice(role proto.Role) string {
	commands := "oneping " + process.TokenCommand(role)
	if role == "" {
		commands = "oneping " + process.TokenCommand(proto.RoleClient) + ", or oneping " + process.TokenCommand(proto.RoleConnector)
	}
	return "enrol again: " + commands + ", on the edge"
}

// returnAdvice says how a node of a role that was revoked gets in again: with a token made since.
func returnAdvice(role proto.Role) string {
	return "to let it in again, make a new token on the edge, " + process.NewTokenCommand(role) + ", and start it with --token-file"
}

// renewalAdvice says what becomes of a certificate that has expired.
func renewalAdvice(role proto.Role) string {
	return "it renews by itself at the next start for 180 days; after that, " + enrolAdvice(role)
}

// tokenAdvice says how to get in where a token did not do.
func tokenAdvice(r *state.Refusal) string {
	switch r.Why {
	case state.TokenUnknown:
		return "its tunnel may be deleted; " + adviceDevice + ", or oneping tunnel token NAME"
	case state.TokenRotated, state.TokenOrphaned:
		return adviceTunnel
	case state.TokenCancelled:
		return "make a new one on the edge: oneping tunnel token " + r.Object
	case state.ConnectorsFull:
		return "on the edge, oneping connector list " + r.Object + " shows them: put out who is not yours, oneping connector revoke ID, " +
			"or allow more, oneping tunnel set " + r.Object + " --max-connectors N; one that is away for " + term.Span(state.AwayForGood) + " makes room"
	}
	return adviceDevice
}
