package lab

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
		p.step("namespaces")
		time.Sleep(quietFor - time.Millisecond)
		p.done()
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
		p.step("namespaces")
		p.step("edge")
		time.Sleep(quietFor)
		synctest.Wait()
		p.step("edge")
		p.step("connector")
		p.done()
		p.step("late")
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
		p.step("edge")
		time.Sleep(quietFor)
		synctest.Wait()
		p.step("connector")
		p.done()
		if want := "lab: starting edge\nlab: starting connector\n"; out.String() != want {
			t.Errorf("wrote %q, want %q", &out, want)
		}
	})
}
