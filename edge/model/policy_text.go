package model

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
)

// maxWritten bounds what a kept text may become, in bytes: four times as much as anybody applies.
const maxWritten = 16 << 20

// SetWritten lets p have the text that it was written as; nil takes it away.
func (p *Policy) SetWritten(text []byte) {
	p.Text = nil
	if text == nil {
		return
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err == nil && z.Close() == nil { // a buffer takes all
		p.Text = b.Bytes()
	}
}

// Written returns the text of p, nil where there is none that can be read. It may say something
// else than p: an edge of an earlier version changes p alone.
func (p *Policy) Written() []byte {
	z, err := gzip.NewReader(bytes.NewReader(p.Text))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(z, maxWritten))
	if err != nil {
		return nil
	}
	return text
}

// renameWritten lets the text name a tunnel otherwise, in its comments, too.
func (p *Policy) renameWritten(old, name string) {
	text := p.Written()
	if text == nil {
		return
	}
	term := regexp.MustCompile(`\btunnel:` + regexp.QuoteMeta(old) + `([^a-z0-9-]|$)`)
	p.SetWritten(term.ReplaceAll(text, []byte("tunnel:"+name+"$1")))
}
