package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseUnixTable(t *testing.T) {
	table := `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 11111 @oneping-lab-0-default
0000000000000000: 00000003 00000000 00000000 0001 03 22222 @oneping-lab-0-default
0000000000000000: 00000002 00000000 00010000 0001 01 33333 @oneping-lab-0-b
0000000000000000: 00000002 00000000 00010000 0001 01 44444 @oneping-lab-01-other
0000000000000000: 00000002 00000000 00010000 0001 01 55555 /run/x.sock
0000000000000000: 00000002 00000000 00000000 0002 01 66666
`
	got, err := parseUnixTable(strings.NewReader(table), "@oneping-lab-0-")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "default"}, got); diff != "" {
		t.Error(diff)
	}
}
