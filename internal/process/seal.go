package process

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// What a role keeps in its state directory for itself is JSON with a checksum: a disk that changes one
// bit of an address or of a prefix must not be believed. The last member of the object is the SHA-256
// of the file as it would be without that member:
//
//	{
//	  "edges": ["192.0.2.1:7844"],
//	  "sha256": "9f86d081884c7d65…"
//	}
//
// An earlier oneping reads over it; a file of an earlier one has none, and is believed.
var sealed = regexp.MustCompile(`,\n  "sha256": "([0-9a-f]{64})"\n}\n?$`)

// errSeal is a file that has changed since it was written.
var errSeal = errors.New("it was changed since it was written: its checksum is wrong")

// Seal returns v, a struct or map, as JSON with its checksum.
func Seal(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	body, ok := bytes.CutSuffix(b, []byte("\n}"))
	if !ok { // an object without members has nothing that could change
		return b, nil
	}
	sum := sha256.Sum256(b)
	return fmt.Appendf(nil, "%s,\n  \"sha256\": \"%s\"\n}\n", body, hex.EncodeToString(sum[:])), nil
}

// Unseal reads what Seal has made into v, or JSON that has no checksum. Its errors say in plain words
// what is wrong with the contents.
func Unseal(b []byte, v any) error {
	if len(bytes.TrimSpace(b)) == 0 {
		return errors.New("it is empty")
	}
	if len(bytes.Trim(b, "\x00")) == 0 {
		return errors.New("it holds nothing but zeros")
	}
	if at := sealed.FindSubmatchIndex(b); at != nil {
		want := string(b[at[2]:at[3]])
		b = append(bytes.Clone(b[:at[0]]), "\n}"...)
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			return errSeal
		}
	}
	err := json.Unmarshal(b, v)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is damaged or cut short: no JSON at byte %d", syntax.Offset)
	}
	return err
}
