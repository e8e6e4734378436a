package process

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

func utf16Text(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// TestTokenText: what editors, shells and people put around a token does not count; what cannot be one
// token is named with its lines, and the token is never quoted.
func TestTokenText(t *testing.T) {
	one, two := testToken().String(), proto.Token{Kind: proto.TokenTunnel, Edges: []string{"e:1"}, CA: make([]byte, 32), ID: "two", Secret: make([]byte, 32)}.String()
	for name, text := range map[string]string{
		"bare":                 one,
		"BOM":                  "\ufeff" + one + "\n",
		"UTF-16, little":       utf16Text(binary.LittleEndian, one+"\r\n"),
		"UTF-16, big":          utf16Text(binary.BigEndian, one+"\n"),
		"quotes":               `"` + one + "\"\n",
		"single quotes":        "'" + one + "'",
		"BOM, quotes, CRLF":    "\ufeff\"" + one + "\"\r\n",
		"blank lines":          "\n\r\n  \t" + one + "  \n\n",
		"comments":             "# the laptop's\n" + one + "\n  # till Friday\n",
		"the same token twice": one + "\n" + one + "\n",
	} {
		got, from, err := readText(strings.NewReader(text), "F")
		if err != nil || got != one || from != "F" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	half := len(one) / 2
	for name, c := range map[string]struct{ text, err, hint string }{
		"two tokens":   {one + "\n# newer\n" + two + "\n", "it holds two tokens, in lines 1 and 3", "leave one line in it, the token that is valid now"},
		"broken":       {"\n" + one[:half] + "\r\n" + one[half:], "lines 2 and 3 are not one token; was it broken into lines when it was copied?", "make one line of the token, and leave nothing else in the file but remarks (#)"},
		"another file": {"grants:\n  - {}\n", "it holds no token: no line begins with op1_", "name the file that the edge wrote, --output of oneping device token --user USER, or oneping tunnel token NAME"},
		"empty":        {"", "it is empty", "write one into it that the edge prints: oneping device token --user USER, or oneping tunnel token NAME"},
		"only a BOM":   {"\ufeff", "it is empty", "write one into it that the edge prints: oneping device token --user USER, or oneping tunnel token NAME"},
		"only remarks": {"# none yet\n\"\"\n", "it is empty", "write one into it that the edge prints: oneping device token --user USER, or oneping tunnel token NAME"},
	} {
		_, _, err := readText(strings.NewReader(c.text), "F")
		if err == nil || err.Error() != "read token from F: "+c.err || advice.Of(err) != c.hint {
			t.Errorf("%s: %v, hint %q", name, err, advice.Of(err))
		}
	}
	endless := io.MultiReader(strings.NewReader(one+"\n"), zeros{})
	if _, _, err := readText(endless, "F"); fmt.Sprint(err) != "read token from F: it has more than 64 KiB: that is no token" || advice.Of(err) == "" {
		t.Errorf("a file without end: %v", err)
	}
	if _, err := proto.ParseToken(strings.Repeat("op1_", 9)); err == nil || bytes.Contains([]byte(err.Error()), []byte("op1_op1_")) {
		t.Errorf("%v", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestTokenKind(t *testing.T) {
	for _, c := range []struct {
		kind proto.TokenKind
		role proto.Role
		want string
	}{
		{proto.TokenDevice, proto.RoleClient, ""},
		{proto.TokenTunnel, proto.RoleConnector, ""},
		{proto.TokenTunnel, proto.RoleClient, "that is a tunnel token; a client needs a device token"},
		{proto.TokenDevice, proto.RoleConnector, "that is a device token; a connector needs a tunnel token"},
	} {
		if err := CheckTokenKind(proto.Token{Kind: c.kind}, c.role); err == nil != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s for a %s: %v", c.kind, c.role, err)
		}
	}
}

// TestTokenAdviceOfARole: a client is offered a device token, a connector its tunnel's.
func TestTokenAdviceOfARole(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "\n", "damaged": "op1_x\n", "none": "grants:\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for role, words := range map[proto.Role][2]string{
			proto.RoleClient:    {"oneping device token --user USER", "tunnel token"},
			proto.RoleConnector: {"oneping tunnel token NAME", "device token"},
		} {
			_, _, err := ReadToken(t.Context(), role, path)
			if hint := advice.Of(err); !strings.Contains(hint, words[0]) || strings.Contains(hint, words[1]) {
				t.Errorf("%s, %s: hint %q", name, role, hint)
			}
		}
	}
	err := advice.With(errors.New("others may read it"), "make one: "+anyToken+anew)
	for role, want := range map[proto.Role]string{
		proto.RoleClient:    "make one: oneping device token --user USER",
		proto.RoleConnector: "make one: oneping tunnel token NAME --rotate",
	} {
		if got := advice.Of(forRole(role, err)); got != want {
			t.Errorf("%s: %q", role, got)
		}
	}
	if forRole(proto.RoleClient, nil) != nil {
		t.Error("no error has become one")
	}
}
