package check

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	fs := Run(t.Context(), Config{
		StateDir: filepath.Join(dir, "not", "yet"),
		Token:    func() ([]string, bool, error) { return []string{"a:7844", "b:7844"}, true, nil },
		Dial: func(_ context.Context, addr string) error {
			if addr == "b:7844" {
				return errors.New("no answer")
			}
			return nil
		},
	})
	found := make(map[string]Finding)
	for _, f := range fs {
		found[f.Name] = f
	}
	for name, ok := range map[string]bool{"state directory": true, "token": true, "edge a:7844": true, "edge b:7844": false} {
		if f, there := found[name]; !there || f.OK != ok {
			t.Errorf("%s: %+v, want ok %v", name, f, ok)
		}
	}
	if f := found["edge b:7844"]; f.Fix != "nothing, while another address answers; or let UDP port 7844 through to the edge; on its machine, oneping edge status says whether it runs" || f.Needed {
		t.Errorf("dead edge: %+v", f)
	}
	if edges := fs[len(fs)-2:]; !Passed(edges) { // one that answers is enough
		t.Errorf("failed with an edge that answers: %+v", edges)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("check left %v, %v", left, err)
	}
}

// No token is a warning: who tries a host before there is one is to see the rest pass. A bad one is
// a failure.
func TestCheckWithoutToken(t *testing.T) {
	for _, err := range []error{nil, errors.New("cut short")} {
		fs := Run(t.Context(), Config{
			StateDir: t.TempDir(), Token: func() ([]string, bool, error) { return nil, false, err },
			Enrolled: func() ([]string, error) { return nil, nil },
		})
		f := fs[len(fs)-1]
		if f.Name != "token" || f.OK || f.Needed != (err != nil) || err == nil && f.Fix == "" {
			t.Errorf("%v: %+v", err, f)
		}
	}
}

// A connector that has enrolled is asked about the edges that it knows.
func TestCheckEnrolled(t *testing.T) {
	var dialled []string
	fs := Run(t.Context(), Config{
		StateDir: t.TempDir(), Token: func() ([]string, bool, error) { return nil, false, nil },
		Enrolled: func() ([]string, error) { return []string{"a:7844", "b:7844"}, nil },
		Dial: func(_ context.Context, addr string) error {
			dialled = append(dialled, addr)
			return errors.New("no answer")
		},
	})
	fs = fs[len(fs)-3:]
	if fs[0].Name != "identity" || !fs[0].OK || fs[1].Name != "edge a:7844" || fs[2].Name != "edge b:7844" || Passed(fs) || len(dialled) != 2 {
		t.Errorf("dialled %v, found %+v", dialled, fs)
	}
	fs = Run(t.Context(), Config{
		StateDir: t.TempDir(), Token: func() ([]string, bool, error) { return nil, false, nil },
		Enrolled: func() ([]string, error) { return nil, errors.New("permission denied") },
	})
	if f := fs[len(fs)-1]; f.Name != "identity" || f.OK || !f.Needed {
		t.Errorf("an identity that cannot be read: %+v", f)
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	err := Write(&b, []Finding{
		{Name: "token", OK: true, Detail: "readable", Fix: "never shown"},
		{Name: "ping socket IPv4", Needed: true, Detail: "permission denied", Fix: `sysctl -w net.ipv4.ping_group_range="5 5"`},
		{Name: "IPv6", Detail: "none"},
	})
	want := `pass  token             readable
FAIL  ping socket IPv4  permission denied
                        fix: sysctl -w net.ipv4.ping_group_range="5 5"
warn  IPv6              none
`
	if err != nil || b.String() != want {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, b.String(), want)
	}
}
