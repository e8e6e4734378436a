package node

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/oneping/oneping/proto"
)

// TestAnEdgesWordsArePrintable, whatever it says them about.
func TestAnEdgesWordsArePrintable(t *testing.T) {
	const bad = "a\u202eb\u009b31m\u2028\u200b"
	conf := proto.Config{User: bad, Device: bad, Tunnel: bad}
	m := proto.Control{
		Welcome: &proto.Welcome{Edge: bad, Version: bad, Config: conf}, Renewed: &proto.Renewed{Error: bad},
		Event: &proto.Event{Text: bad}, Denial: &proto.Denial{Protocol: bad, Dst: bad},
	}
	printable(&m)
	alone := proto.Control{Config: &conf}
	printable(&alone)
	for _, c := range []*proto.Control{&m, &alone} {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(string(text), "\u202e\u009b\u2028\u200b") || strings.Contains(string(text), `\u2028`) {
			t.Errorf("left: %s", text)
		}
	}
}
