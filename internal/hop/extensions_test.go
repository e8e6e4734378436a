package hop

import (
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

// TestExtensionsAreForWhoReadsThem: an edge that has not said that it does gets none.
func TestExtensionsAreForWhoReadsThem(t *testing.T) {
	whole := Refusal{Reason: packet.Unreachable, Error: packet.Error{Type: packet.TypeTimeExceeded, Extension: packet.Extension{Raw: "\x20\x00\xdf\xff"}}}
	var x Extensions
	if got := x.Readable(whole); got != whole.Bare() || got == whole {
		t.Errorf("nothing said: %+v", got)
	}
	x.TellExtensions(true)
	if got := x.Readable(whole); got != whole {
		t.Errorf("it reads them: %+v", got)
	}
	x.TellExtensions(false)
	if got := x.Readable(whole); got != whole.Bare() {
		t.Errorf("it reads them no longer: %+v", got)
	}
}
