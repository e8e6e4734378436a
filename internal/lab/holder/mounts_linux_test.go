package holder

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/lab"
)

func TestHostsFile(t *testing.T) {
	want := `172.68.101.57 edge
fd6f:6e65:7069:101::57 edge
198.51.100.2 laptop
fd6f:6e65:7069:200::2 laptop
172.16.10.100 connector
fd6f:6e65:7069:10::100 connector
172.16.10.120 server
fd6f:6e65:7069:10::120 server
`
	var o lab.Options
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	topology, err := lab.Classic(o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, hostsFile(topology)); diff != "" {
		t.Error(diff)
	}
}

func TestSwitchToFiles(t *testing.T) {
	got := switchToFiles("passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n")
	if want := "passwd: files\nhosts: files dns\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
