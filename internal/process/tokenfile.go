package process

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"unicode/utf16"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// TokenVariable is the environment variable that may hold a token.
const TokenVariable = "ONEPING_TOKEN"

// maxToken bounds what is read as a token, in bytes.
const maxToken = 64 << 10

// ReadToken reads a token from the file path, from standard input when path is
// "-"; when path is empty from $ONEPING_TOKEN, or from the credential that systemd
// passed (LoadCredential=oneping-token:…). No token at all is
// (Token{}, false, nil): a node that is enrolled already needs none. A FIFO is waited for until
// somebody writes a token into it, and standard input until its end; both until ctx ends.
func ReadToken(ctx context.Context, role proto.Role, path string) (proto.Token, bool, error) {
	return TokenFrom(role, path)(ctx)
}

// anyToken is the command of the edge that prints a token, in a hint that does not know for which
// role; forRole puts in that of one.
const anyToken = "oneping device token --user USER, or oneping tunnel token NAME"

// anew stands behind it where the one before is to be good for nothing: a device's is good once.
const anew = " --rotate"

// forRole returns err with the advice for a node of that role.
func forRole(role proto.Role, err error) error {
	hint, command := advice.Of(err), "oneping "+TokenCommand(role)
	mended := strings.NewReplacer(anyToken+anew, NewTokenCommand(role), anyToken, command).Replace(hint)
	if mended != hint {
		return advice.With(err, mended)
	}
	return err
}

func readToken(path string) (proto.Token, bool, error) {
	if path == "" && os.Getenv(TokenVariable) == "" {
		path = credential()
	}
	text, from, err := tokenText(path, os.Stdin, os.Getenv(TokenVariable))
	if err != nil || from == "" {
		return proto.Token{}, false, err
	}
	t, err := proto.ParseToken(text)
	if err != nil {
		return proto.Token{}, false, &advice.Error{
			Text:   fmt.Sprintf("read token from %s: %v", from, err),
			Advice: "make a new one on the edge: " + anyToken,
			Cause:  err,
		}
	}
	return t, true, nil
}

// TokenFrom returns a source of ReadToken(ctx, role, path) for node.Config.TokenSource. A file
// is read again each time, so that a new token in it is found; standard input
// is read once.
func TokenFrom(role proto.Role, path string) func(context.Context) (proto.Token, bool, error) {
	return (&tokenSource{role: role, path: path}).read
}

// tokenSource reads a token beside who waits for it: to open a FIFO that nobody writes, and to read a
// terminal, cannot be interrupted. Who asks again meanwhile waits for the same reading.
type tokenSource struct {
	role    proto.Role
	path    string
	mu      sync.Mutex
	reading chan tokenResult // nil = nobody reads
}

type tokenResult struct {
	token proto.Token
	ok    bool
	err   error
}

func (s *tokenSource) read(ctx context.Context) (proto.Token, bool, error) {
	reading := s.begin()
	select {
	case r := <-reading:
		s.end(r)
		return r.token, r.ok, r.err
	case <-ctx.Done():
		return proto.Token{}, false, fmt.Errorf("wait for a token from %s: %w", s.path, context.Cause(ctx))
	}
}

func (s *tokenSource) begin() chan tokenResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading == nil {
		reading := make(chan tokenResult, 1)
		s.reading = reading
		go func() {
			t, ok, err := readToken(s.path)
			reading <- tokenResult{t, ok, forRole(s.role, err)}
		}()
	}
	return s.reading
}

// end makes the next one read anew, but for standard input, which is what it was.
func (s *tokenSource) end(r tokenResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path == "-" {
		s.reading <- r
		return
	}
	s.reading = nil
}

// tokenText returns the token's text and where it was found; from is empty when there is none.
func tokenText(path string, stdin io.Reader, env string) (text, from string, err error) {
	switch path {
	case "":
		if env == "" {
			return "", "", nil
		}
		return readText(strings.NewReader(env), "$"+TokenVariable)
	case "-":
		return readText(stdin, "standard input")
	}
	f, err := os.Open(path)
	if err == nil {
		defer func() { _ = f.Close() }()
		var fi fs.FileInfo
		if fi, err = f.Stat(); err == nil {
			if err := checkTokenMode(path, fi); err != nil && holdsToken(f, path) {
				return "", "", err
			}
		}
	}
	if err != nil {
		return "", "", &advice.Error{Text: "read token: " + err.Error(), Advice: openHint(err), Cause: err}
	}
	return readText(f, path)
}

// holdsToken says whether there is a token in f, and goes back to its beginning: of another file,
// named by mistake, nobody is to change the mode.
func holdsToken(f *os.File, path string) bool {
	text, _, err := readText(f, path)
	if err == nil {
		_, err = proto.ParseToken(text)
	}
	_, seek := f.Seek(0, io.SeekStart)
	return err == nil || seek != nil
}

// HeldToken returns the token that is in the file path; false where there is none to be read, or path
// is no file.
func HeldToken(path string) (proto.Token, bool) {
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return proto.Token{}, false
	}
	f, err := os.Open(path)
	if err != nil {
		return proto.Token{}, false
	}
	defer func() { _ = f.Close() }()
	text, _, err := readText(f, path)
	if err != nil {
		return proto.Token{}, false
	}
	t, err := proto.ParseToken(text)
	return t, err == nil
}

// readText returns the one token that r holds: blank lines and comments (#) around it do not count.
func readText(r io.Reader, from string) (string, string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxToken+1))
	if err != nil {
		return "", "", &advice.Error{Text: "read token from " + from + ": " + cause(err), Advice: openHint(err), Cause: err}
	}
	if len(b) > maxToken {
		return "", "", &advice.Error{
			Text:   "read token from " + from + ": it has more than 64 KiB: that is no token",
			Advice: "name the file that holds the token and nothing else",
		}
	}
	found, err := words(plain(b))
	if err != nil {
		return "", "", &advice.Error{
			Text: "read token from " + from + ": " + err.Error(), Advice: advice.Of(err), Cause: err,
		}
	}
	if found == "" {
		return "", "", &advice.Error{
			Text:   "read token from " + from + ": it is empty",
			Advice: "write one into it that the edge prints: " + anyToken,
		}
	}
	return found, from, nil
}

// words returns the one line of text that is neither blank nor a comment, without quotes around it;
// "" where there is none. Two tokens are an error: which one holds is not guessed.
func words(text string) (string, error) {
	var found string
	at, number := 0, 0
	for line := range strings.Lines(text) {
		number++
		word := unquoted(strings.TrimSpace(line))
		switch {
		case word == "", strings.HasPrefix(word, "#"), word == found:
		case found == "":
			found, at = word, number
		case strings.HasPrefix(word, proto.TokenPrefix) && strings.HasPrefix(found, proto.TokenPrefix):
			return "", &advice.Error{
				Text:   fmt.Sprintf("it holds two tokens, in lines %d and %d", at, number),
				Advice: "leave one line in it, the token that is valid now",
			}
		case strings.HasPrefix(found, proto.TokenPrefix):
			return "", &advice.Error{
				Text:   fmt.Sprintf("lines %d and %d are not one token; was it broken into lines when it was copied?", at, number),
				Advice: "make one line of the token, and leave nothing else in the file but remarks (#)",
			}
		default:
			return "", &advice.Error{
				Text:   "it holds no token: no line begins with " + proto.TokenPrefix,
				Advice: "name the file that the edge wrote, --output of " + anyToken,
			}
		}
	}
	return found, nil
}

// unquoted drops the quotes around a word.
func unquoted(word string) string {
	for _, quote := range []string{`"`, "'", "`"} {
		if in, ok := strings.CutPrefix(word, quote); ok {
			if in, ok = strings.CutSuffix(in, quote); ok {
				return strings.TrimSpace(in)
			}
		}
	}
	return word
}

// plain returns text without the mark of its encoding. Windows writes UTF-16 with one, where
// output is sent to a file by PowerShell.
func plain(b []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte{0xef, 0xbb, 0xbf}):
		return string(b[3:])
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return string(b)
	}
	var units []uint16
	for unit := range slices.Chunk(b[2:], 2) {
		if len(unit) == 2 {
			units = append(units, order.Uint16(unit))
		}
	}
	return string(utf16.Decode(units))
}

// CheckTokenKind refuses a token that is not for a node of that role.
func CheckTokenKind(t proto.Token, role proto.Role) error {
	want := proto.TokenDevice
	if role == proto.RoleConnector {
		want = proto.TokenTunnel
	}
	if t.Kind == want {
		return nil
	}
	return &advice.Error{
		Text:   fmt.Sprintf("that is a %s token; a %s needs a %s token", t.Kind, role, want),
		Advice: "make one on the edge: oneping " + TokenCommand(role),
	}
}

// TokenCommand returns the command of the edge that makes a token for a node of that role.
func TokenCommand(role proto.Role) string {
	if role == proto.RoleConnector {
		return "tunnel token NAME"
	}
	return "device token --user USER"
}

// NewTokenCommand returns the command line that makes, for a node of that role, a token that no node
// has had.
func NewTokenCommand(role proto.Role) string {
	if role == proto.RoleConnector {
		return "oneping " + TokenCommand(role) + anew
	}
	return "oneping " + TokenCommand(role)
}

func openHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "write the token that the edge printed into that file, or pass --token-file - and paste it"
	case errors.Is(err, syscall.EISDIR):
		return "name a file in that directory"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not read it: chown the file, mode 0600 is right for it"
	}
	return ""
}
