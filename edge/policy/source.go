package policy

import (
	"bytes"
	"compress/gzip"
	"io"

	"github.com/oneping/oneping/edge/model"
)

// maxSource bounds what a kept text becomes, in bytes: four times as much as anybody applies.
const maxSource = 16 << 20

// keep lets p have the text that it was read from.
func keep(p *model.Policy, text []byte) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(text)
	if err == nil {
		err = z.Close()
	}
	if err == nil { // a buffer takes all
		p.Text = b.Bytes()
	}
}

// Source returns p as it was written, comments and all, where that is kept and still says what p
// says; else as Format writes it.
func Source(p model.Policy) (text []byte, err error) {
	if text := kept(&p); text != nil {
		return text, nil
	}
	return Format(p)
}

// kept returns the text of p, nil where there is none, or one that says something else: an edge of
// an earlier version, or a change of names, has left it behind.
func kept(p *model.Policy) []byte {
	z, err := gzip.NewReader(bytes.NewReader(p.Text))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(z, maxSource))
	if err != nil {
		return nil
	}
	if said, _, err := decode(text); err != nil || !samePolicy(&said, p) {
		return nil
	}
	return text
}
