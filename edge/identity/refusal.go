package identity

import "github.com/oneping/oneping/proto"

// Refusal is why a node was not let in. Text is for the person at the node;
// it goes there as the reason of the closed link.
type Refusal struct {
	Text   string
	Advice string

	code proto.Code
}

// Error returns the text.
func (r *Refusal) Error() string { return r.Text }

// Code returns what the link is closed with.
func (r *Refusal) Code() proto.Code { return r.code }

// Hint returns what to do about it, or "".
func (r *Refusal) Hint() string { return r.Advice }

func refuse(code proto.Code, text, advice string) *Refusal {
	return &Refusal{code: code, Text: text, Advice: advice}
}

const (
	adviceClock   = "compare the clocks of both machines (timedatectl)"
	adviceEnrol   = "enrol again: oneping device token --user USER, or oneping tunnel token NAME, on the edge"
	adviceRenewal = "it renews by itself at the next start for 180 days; after that, " + adviceEnrol
)
