package term

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgressIsQuietAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := NewProgress(&out, true)
		p.Step("lab: starting namespaces")
		time.Sleep(quietFor - time.Millisecond)
		p.Done()
		time.Sleep(time.Minute)
		if out.Len() != 0 {
			t.Errorf("wrote %q", &out)
		}
	})
}

func TestProgressOnATerminalErasesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := NewProgress(&out, true)
		p.Step("lab: starting namespaces")
		p.Step("lab: starting edge")
		time.Sleep(quietFor)
		synctest.Wait()
		p.Step("lab: starting edge")
		p.Step("lab: starting connector")
		p.Done()
		p.Step("late")
		want := "\r\x1b[Klab: starting edge …\r\x1b[Klab: starting connector …\r\x1b[K"
		if out.String() != want {
			t.Errorf("wrote %q, want %q", &out, want)
		}
	})
}

func TestProgressInALogIsLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := NewProgress(&out, false)
		p.Step("lab: starting edge")
		time.Sleep(quietFor)
		synctest.Wait()
		p.Step("lab: starting connector")
		p.Done()
		if want := "lab: starting edge\nlab: starting connector\n"; out.String() != want {
			t.Errorf("wrote %q, want %q", &out, want)
		}
	})
}
