package probe

import "github.com/oneping/oneping/internal/echo"

// answerOf reads what came of an echo request that Windows has sent; false where nobody has said
// anything.
func answerOf(seq uint16, got echo.Reply, v6 bool) (Answer, bool) {
	a := Answer{Seq: seq, From: got.From, TTL: got.TTL}
	switch got.Status {
	case echo.StatusSuccess:
		a.Data = append([]byte(nil), got.Data...)
		return a, true
	case echo.StatusPacketTooBig:
		if !got.From.IsValid() || got.From.IsUnspecified() {
			return Answer{Kind: TooLong, Seq: seq}, true
		}
	}
	typ, code, ok := echo.TypeCode(got.Status, v6)
	if !ok || !got.From.IsValid() || got.From.IsUnspecified() {
		return Answer{}, false
	}
	a.Kind, a.Type, a.Code = Error, typ, code
	return a, true
}
