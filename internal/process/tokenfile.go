package process

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

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
// (Token{}, false, nil): a node that is enrolled already needs none.
func ReadToken(path string) (proto.Token, bool, error) {
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
			Advice: "make a new one on the edge: oneping device token --user U, or oneping tunnel token NAME",
			Cause:  err,
		}
	}
	return t, true, nil
}

// TokenFrom returns a source of ReadToken(path) for node.Config.TokenSource. A file
// is read again each time, so that a new token in it is found; standard input
// is read once.
func TokenFrom(path string) func() (proto.Token, bool, error) {
	read := func() (proto.Token, bool, error) { return ReadToken(path) }
	if path != "-" {
		return read
	}
	once := sync.OnceValue(func() (r tokenResult) {
		r.token, r.ok, r.err = read()
		return r
	})
	return func() (proto.Token, bool, error) {
		r := once()
		return r.token, r.ok, r.err
	}
}

type tokenResult struct {
	token proto.Token
	ok    bool
	err   error
}

// tokenText returns the token's text and where it was found; from is empty when there is none.
func tokenText(path string, stdin io.Reader, env string) (text, from string, err error) {
	switch path {
	case "":
		if env == "" {
			return "", "", nil
		}
		return env, "$" + TokenVariable, nil
	case "-":
		return readText(stdin, "standard input")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", "", &advice.Error{Text: "read token: " + err.Error(), Advice: openHint(err), Cause: err}
	}
	defer func() { _ = f.Close() }()
	return readText(f, path)
}

func readText(r io.Reader, from string) (string, string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxToken))
	if err != nil {
		return "", "", fmt.Errorf("read token from %s: %w", from, err)
	}
	if strings.TrimSpace(string(b)) == "" {
		return "", "", &advice.Error{
			Text:   "read token from " + from + ": it is empty",
			Advice: "write one into it: oneping device token --user U, or oneping tunnel token NAME, prints a token",
		}
	}
	return string(b), from, nil
}

func openHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "write the token that the edge printed into that file, or pass --token-file - and paste it"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not read it: chown the file, mode 0600 is right for it"
	}
	return ""
}
