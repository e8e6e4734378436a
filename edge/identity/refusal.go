package identity

import (
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// refuse says why a node is not let in: text is for the person at the node, and goes there as the
// reason of the closed link; hint says what to do about it.
func refuse(code proto.Code, text, hint string) *link.RefusedError {
	return &link.RefusedError{Code: code, Err: &advice.Error{Text: text, Advice: hint}}
}

const (
	adviceClock   = "compare the clocks of both machines (timedatectl)"
	adviceEnrol   = "enrol again: oneping device token --user USER, or oneping tunnel token NAME, on the edge"
	adviceRenewal = "it renews by itself at the next start for 180 days; after that, " + adviceEnrol
)
