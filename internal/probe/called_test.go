package probe

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/internal/echo"
)

func TestAnswerOf(t *testing.T) {
	for _, c := range []struct {
		got  echo.Reply
		v6   bool
		want Answer
		ok   bool
	}{
		{echo.Reply{From: router4, TTL: 60, Data: []byte("hello")}, false, Answer{Seq: 7, From: router4, TTL: 60, Data: []byte("hello")}, true},
		{echo.Reply{From: router4, Status: echo.StatusTTLTransit}, false, Answer{Kind: Error, Seq: 7, From: router4, Type: 11}, true},
		{echo.Reply{From: router6, Status: echo.StatusTTLTransit}, true, Answer{Kind: Error, Seq: 7, From: router6, Type: 3}, true},
		{echo.Reply{From: router4, Status: echo.StatusHostUnreachable}, false, Answer{Kind: Error, Seq: 7, From: router4, Type: 3, Code: 1}, true},
		{echo.Reply{From: router4, Status: echo.StatusPacketTooBig}, false, Answer{Kind: Error, Seq: 7, From: router4, Type: 3, Code: 4}, true},
		{echo.Reply{Status: echo.StatusPacketTooBig}, false, Answer{Kind: TooLong, Seq: 7}, true},
		{echo.Reply{Status: echo.StatusTimedOut}, false, Answer{}, false},
		{echo.Reply{From: netip.IPv4Unspecified(), Status: echo.StatusHostUnreachable}, false, Answer{}, false},
		{echo.Reply{From: router4, Status: echo.StatusGeneralFailure}, false, Answer{}, false},
	} {
		got, ok := answerOf(7, c.got, c.v6)
		if ok != c.ok || got.Kind != c.want.Kind || got.Seq != c.want.Seq || got.From != c.want.From || got.TTL != c.want.TTL ||
			got.Type != c.want.Type || got.Code != c.want.Code || string(got.Data) != string(c.want.Data) {
			t.Errorf("%+v: %+v, %v; want %+v, %v", c.got, got, ok, c.want, c.ok)
		}
	}
}
