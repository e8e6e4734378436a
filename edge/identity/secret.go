package identity

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/process"
)

// The secret is 64 hexadecimal digits and a newline, as every version reads and writes it. Beside
// it stands its check, as another secret is one too, and would be found out by nobody:
//
//	+------------------------------------------------------+
//	| SHA-256 of checkLabel and the secret, hexadecimal \n |
//	+------------------------------------------------------+
//	| while a rekey is under way: the same of the next \n  |
//	+------------------------------------------------------+
//
// Where it is missing the state is an earlier version's, and it is made.
const checkLabel = "oneping secret check "

func (a *Authority) adviceSecret() string {
	if hint := a.adviceRepeat(); hint != "" {
		return hint
	}
	return "restore the file from a backup; or make a new one, and new tokens with it: oneping edge rekey --state-dir " + a.cfg.Dir
}

func (a *Authority) adviceCheck() string {
	if hint := a.adviceRepeat(); hint != "" {
		return hint
	}
	return "restore both from a backup, or remove " + a.path(checkFile) + " where the secret is the right one; " +
		"or make a new one, and new tokens with it: oneping edge rekey --state-dir " + a.cfg.Dir
}

// checkOf returns the text of the check of a secret.
func checkOf(secret [32]byte) []byte {
	sum := sha256.Sum256(append([]byte(checkLabel), secret[:]...))
	return hexLine(sum[:])
}

func hexLine(b []byte) []byte { return append(hex.AppendEncode(nil, b), '\n') }

// newSecret returns a new secret.
func newSecret() (s [32]byte) {
	_, _ = rand.Read(s[:])
	return s
}

func (a *Authority) loadSecret() error {
	b, err := a.readOrMake(secretFile, 0o600, a.lost(secretFile, a.adviceSecret()), a.firstSecret)
	if err != nil {
		return err
	}
	secret, appended, err := parseSecret(b)
	if err != nil {
		return fileError(a.path(secretFile), err, a.adviceSecret())
	}
	if err := a.checkSecret(secret); err != nil {
		return err
	}
	if appended { // now that it has the other: it is never without one
		if err := process.WriteFile(a.path(secretFile), hexLine(secret[:]), 0o600); err != nil {
			a.cfg.Log.Warn("cannot write the secret without the check behind it: earlier versions will not read it", zap.Error(err))
		}
	}
	a.secret = secret
	return nil
}

// parseSecret reads the file of the secret. Builds between two versions appended a check to the
// digits, the first eight of their SHA-256: no earlier version reads that.
func parseSecret(b []byte) (secret [32]byte, appended bool, err error) {
	digits, check, appended := strings.Cut(strings.TrimSpace(string(b)), " ")
	s, err := hex.DecodeString(digits)
	if err != nil || len(s) != len(secret) {
		return secret, false, errors.New("not 64 hexadecimal digits")
	}
	if sum := sha256.Sum256([]byte(digits)); appended && check != hex.EncodeToString(sum[:4]) {
		return secret, false, errors.New("its digits and their check do not belong together")
	}
	return [32]byte(s), appended, nil
}

// firstSecret makes the secret of a new edge; a check that is there is of one that is lost.
func (a *Authority) firstSecret() ([]byte, error) {
	if err := os.Remove(a.path(checkFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(a.path(checkFile), err, adviceOwner)
	}
	s := newSecret()
	return hexLine(s[:]), nil
}

// checkSecret refuses a secret that is not the one of the check, and makes a check that is missing.
func (a *Authority) checkSecret(secret [32]byte) error {
	want := checkOf(secret)
	is, err := process.ReadFile(a.path(checkFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fileError(a.path(checkFile), err, adviceOwner)
	default:
		lines := checksIn(is)
		if lines == nil {
			return fileError(a.path(checkFile), errors.New("not 64 hexadecimal digits"), a.adviceCheck())
		}
		if !contains(lines, want) {
			return fileError(a.path(secretFile), errors.New("it does not belong to "+a.path(checkFile)), a.adviceCheck())
		}
		if len(lines) == 1 {
			return nil
		}
	}
	if err := process.WriteFile(a.path(checkFile), want, 0o600); err != nil {
		a.cfg.Log.Warn("cannot write a check of the secret: damage to it may not be noticed", zap.Error(err))
	}
	return nil
}

// checksIn returns the one or two checks of a file, each with its newline; nil where it holds
// anything else.
func checksIn(b []byte) [][]byte {
	lines := slices.Collect(bytes.Lines(b))
	if len(lines) > 2 {
		return nil
	}
	for _, line := range lines {
		sum, err := hex.DecodeString(string(bytes.TrimSuffix(line, []byte("\n"))))
		if err != nil || len(sum) != sha256.Size || !bytes.HasSuffix(line, []byte("\n")) {
			return nil
		}
	}
	return lines
}

func contains(lines [][]byte, check []byte) bool {
	return slices.ContainsFunc(lines, func(line []byte) bool { return bytes.Equal(line, check) })
}

// contents is what a step writes to a file of the authority.
type contents struct {
	file string
	text []byte
}

// secretSteps returns what is written, in this order, to put next in the place of a secret; was and
// check are what its files hold, nil where there is none. Before and behind each step the edge
// starts, or is refused as it was before the first: the check admits next before it is there, and
// was until it is.
func secretSteps(was, check []byte, next [32]byte) []contents {
	want := checkOf(next)
	steps := []contents{{secretFile, hexLine(next[:])}, {checkFile, want}}
	if check == nil {
		return steps
	}
	admits := want
	if secret, _, err := parseSecret(was); err == nil && contains(checksIn(check), checkOf(secret)) {
		admits = append(checkOf(secret), want...)
	}
	return append([]contents{{checkFile, admits}}, steps...)
}

// renewSecret replaces the secret, whatever is there.
func (a *Authority) renewSecret() error {
	var is [2][]byte
	for i, name := range []string{secretFile, checkFile} {
		var err error
		if is[i], err = process.ReadFile(a.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileError(a.path(name), err, adviceOwner)
		}
	}
	for _, step := range secretSteps(is[0], is[1], newSecret()) {
		if err := process.WriteFile(a.path(step.file), step.text, 0o600); err != nil {
			return fileError(a.path(step.file), err, adviceOwner)
		}
	}
	return nil
}
