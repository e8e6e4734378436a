package term

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// quietFor is how long nothing is said: what is this short needs no words.
const quietFor = 2 * time.Second

// Progress says on a terminal or in a log what something that takes its time is waiting for.
// On a terminal it is one line that is redrawn and finally erased.
type Progress struct {
	out      io.Writer
	terminal bool
	timer    *time.Timer

	mu      sync.Mutex // guards what follows
	current string
	talking bool
	closed  bool
}

// NewProgress returns a reporter for one undertaking; terminal says of out what IsTerminal does. It
// writes nothing in the first two seconds.
func NewProgress(out io.Writer, terminal bool) *Progress {
	p := &Progress{out: out, terminal: terminal}
	p.timer = time.AfterFunc(quietFor, p.speak)
	return p
}

func (p *Progress) speak() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.talking = true
	p.show()
}

// Step says what is done now: "lab: starting edge". The same step again says nothing.
func (p *Progress) Step(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if what != p.current {
		p.current = what
		p.show()
	}
}

// Done ends it: what is on a terminal goes, and steps that come late say nothing.
func (p *Progress) Done() {
	p.timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && p.talking && !p.closed {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	p.closed = true
}

func (p *Progress) show() {
	switch {
	case !p.talking || p.closed || p.current == "":
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K%s …", p.current)
	default:
		fmt.Fprintf(p.out, "%s\n", p.current)
	}
}
