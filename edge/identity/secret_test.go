package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

// put writes files of the authority; nil removes one.
func put(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, b := range files {
		err := os.WriteFile(filepath.Join(dir, name), b, 0o600)
		if b == nil {
			err = os.RemoveAll(filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// got reads a file of the authority.
func got(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// plain is what every version reads: 64 digits, and nothing behind them but a newline.
var plain = regexp.MustCompile("^[0-9a-f]{64}\n$")

// A version of before reads the secret of this one, new or taken over, and this one reads each of
// theirs.
func TestTheSecretIsReadByEveryVersion(t *testing.T) {
	dir, old := knowing(t)
	digits := hex.EncodeToString(old.secret[:])
	sum := sha256.Sum256([]byte(digits))
	check := sha256.Sum256([]byte("oneping secret check " + string(old.secret[:])))
	for name, files := range map[string]map[string][]byte{
		"as it was made":             {},
		"of an earlier version":      {secretFile: []byte(digits + "\n"), checkFile: nil},
		"with a check behind it":     {secretFile: fmt.Appendf(nil, "%s %x\n", digits, sum[:4]), checkFile: nil},
		"with a check in both ways":  {secretFile: fmt.Appendf(nil, "%s %x\n", digits, sum[:4])},
		"of a rekey that was killed": {checkFile: append(checkOf(old.secret), checkOf(newSecret())...)},
	} {
		put(t, dir, files)
		a := New(Config{Dir: dir})
		if err := a.Load(); err != nil || a.ID() != old.ID() {
			t.Errorf("%s: %v, id %q", name, err, a.ID())
		}
		if b := got(t, dir, secretFile); !plain.MatchString(b) || b != digits+"\n" {
			t.Errorf("%s: the secret is %q, no version of before reads it", name, b)
		}
		if b := got(t, dir, checkFile); b != fmt.Sprintf("%x\n", check) {
			t.Errorf("%s: the check is %q", name, b)
		}
		if fi, err := os.Stat(filepath.Join(dir, checkFile)); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
}

// A secret that is another one is refused, by name.
func TestAnotherSecretIsRefused(t *testing.T) {
	dir, old := knowing(t)
	secret, check, rekey := filepath.Join(dir, secretFile), filepath.Join(dir, checkFile), "oneping edge rekey --state-dir "+dir
	other := newSecret()
	both := "restore both from a backup, or remove " + check + " where the secret is the right one; or make a new one, and new tokens with it: " + rekey
	one := "restore the file from a backup; or make a new one, and new tokens with it: " + rekey
	for name, c := range map[string]struct {
		files      map[string][]byte
		text, hint string
	}{
		"another secret":    {map[string][]byte{secretFile: hexLine(other[:])}, "read " + secret + ": it does not belong to " + check, both},
		"another check":     {map[string][]byte{checkFile: checkOf(other)}, "read " + secret + ": it does not belong to " + check, both},
		"an empty check":    {map[string][]byte{checkFile: {}}, "read " + check + ": not 64 hexadecimal digits", both},
		"a check too many":  {map[string][]byte{checkFile: bytes.Repeat(checkOf(old.secret), 3)}, "read " + check + ": not 64 hexadecimal digits", both},
		"half a check":      {map[string][]byte{checkFile: checkOf(old.secret)[:40]}, "read " + check + ": not 64 hexadecimal digits", both},
		"half a secret":     {map[string][]byte{secretFile: hexLine(other[:20])}, "read " + secret + ": not 64 hexadecimal digits", one},
		"an appended wrong": {map[string][]byte{secretFile: fmt.Appendf(nil, "%x 00000000\n", old.secret)}, "read " + secret + ": its digits and their check do not belong together", one},
	} {
		put(t, dir, map[string][]byte{secretFile: hexLine(old.secret[:]), checkFile: checkOf(old.secret)})
		put(t, dir, c.files)
		if err := New(Config{Dir: dir}).Load(); err == nil || err.Error() != c.text || advice.Of(err) != c.hint {
			t.Errorf("%s: %v\nhint: %s\nwant %s\nhint: %s", name, err, advice.Of(err), c.text, c.hint)
		}
	}
	fresh := t.TempDir() // nothing goes with the one that is lost
	put(t, fresh, map[string][]byte{checkFile: checkOf(other)})
	if err := New(Config{Dir: fresh}).Load(); err != nil {
		t.Errorf("a first start beside a check that was left: %v", err)
	}
}

// A rekey that is killed between any two of its steps leaves an edge that starts, with the old
// secret or the new one; or that is refused as before, with the hint to repeat it.
func TestRekeyKilledBetweenSteps(t *testing.T) {
	dir, old := knowing(t)
	next, other, third := newSecret(), newSecret(), newSecret()
	for name, c := range map[string]struct {
		secret, check []byte
		starts        bool
	}{
		"whole":                 {hexLine(old.secret[:]), checkOf(old.secret), true},
		"of an earlier version": {hexLine(old.secret[:]), nil, true},
		"damaged":               {hexLine(other[:]), checkOf(old.secret), false},
		"lost":                  {nil, checkOf(old.secret), false},
		"no check":              {hexLine(old.secret[:]), []byte("nothing"), false},
		"killed before, old":    {hexLine(old.secret[:]), append(checkOf(old.secret), checkOf(third)...), true},
		"killed before, new":    {hexLine(third[:]), append(checkOf(old.secret), checkOf(third)...), true},
	} {
		steps := secretSteps(c.secret, c.check, next)
		for done := range len(steps) + 1 {
			put(t, dir, map[string][]byte{secretFile: c.secret, checkFile: c.check})
			for _, step := range steps[:done] {
				put(t, dir, map[string][]byte{step.file: step.text})
			}
			a, is := New(Config{Dir: dir}), fmt.Sprintf("%s, %d of %d steps", name, done, len(steps))
			err := a.Load()
			b, _ := os.ReadFile(filepath.Join(dir, secretFile)) // or it is lost
			renewed := bytes.Equal(b, hexLine(next[:]))
			switch {
			case err == nil:
				if !c.starts && !renewed {
					t.Errorf("%s: it starts on a secret that was refused", is)
				}
				if got(t, dir, checkFile) != string(checkOf(a.secret)) {
					t.Errorf("%s: the check is not of this secret alone", is)
				}
			case c.starts || renewed || !strings.HasSuffix(advice.Of(err), ": oneping edge rekey --state-dir "+dir):
				t.Errorf("%s: %v, hint %q", is, err, advice.Of(err))
			}
			if done == len(steps) && (err != nil || a.secret != next) {
				t.Errorf("%s: %v, another secret", is, err)
			}
		}
	}
	var order []string
	for _, step := range secretSteps(hexLine(old.secret[:]), checkOf(old.secret), next) {
		order = append(order, step.file)
	}
	if fmt.Sprint(order) != "[secret.check secret secret.check]" {
		t.Errorf("the order is %v", order)
	}
}

// A rekey of the authority that is killed between its steps leaves an edge that starts: with the key
// that is there, and a certificate made of it.
func TestRekeyOfTheAuthorityKilledBetweenSteps(t *testing.T) {
	dir, old := knowing(t)
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files map[string][]byte
		same  bool
	}{
		{"the certificate is removed", map[string][]byte{certFile: nil}, true},
		{"the key is new", map[string][]byte{certFile: nil, keyFile: key}, false},
	} {
		put(t, dir, c.files)
		a := New(Config{Dir: dir})
		if err := a.Load(); err != nil || (a.Pin() == old.Pin()) != c.same || a.ID() != old.ID() {
			t.Errorf("%s: %v, the same authority: %v", c.name, err, a.Pin() == old.Pin())
		}
	}
}
