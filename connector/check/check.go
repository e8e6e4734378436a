// Package check tries what a connector needs of its host, its edges and its identity, for
// `oneping connector check`: each finding says what passed, or the command that makes it pass. It
// changes nothing and runs no connector.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/term"
)

// Finding is the result of one check.
type Finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Needed bool   `json:"needed"` // the connector does not do its work without it
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // the command that makes it pass
}

// Config names what Run looks at.
type Config struct {
	StateDir string
	// Token reads the token; its error says what is wrong. ok false: none was given.
	Token func() (edges []string, ok bool, err error)
	// Enrolled returns the edges with which a connector of that directory has enrolled: without a
	// token, those are tried.
	Enrolled func() ([]string, error)
	ICMP     icmp.Mode // how ICMP is to be sent; "" = auto
	// Dial says whether an edge answers at addr.
	Dial func(ctx context.Context, addr string) error
}

// dialWait is how long an edge may take to answer a check.
const dialWait = 5 * time.Second

// Run tries every precondition of a connector on this host.
func Run(ctx context.Context, cfg Config) []Finding {
	fs := platformChecks(cfg.ICMP)
	fs = append(fs, ipv6(), stateDir(cfg.StateDir))
	edges, ok, err := cfg.Token()
	switch {
	case err != nil:
		fs = append(fs, failed("token", true, err, ""))
	case !ok:
		edges, err = cfg.Enrolled()
		fs = append(fs, identity(edges, err))
	default:
		fs = append(fs, Finding{Name: "token", OK: true, Needed: true, Detail: "readable"})
	}
	return append(fs, edgesAnswer(ctx, cfg, edges)...)
}

// edgesAnswer asks each address of the edge. A connector needs one that answers: others may be for
// other networks, or for another day.
func edgesAnswer(ctx context.Context, cfg Config, edges []string) []Finding {
	var fs []Finding
	answered := false
	for _, e := range edges {
		f := edge(ctx, cfg, e)
		fs, answered = append(fs, f), answered || f.OK
	}
	for i := range fs {
		if !fs[i].OK && answered {
			fs[i].Needed = false
			fs[i].Fix = "nothing, while another address answers; or " + fs[i].Fix
		}
	}
	return fs
}

// identity is what is said in place of a token that was not given.
func identity(edges []string, err error) Finding {
	switch {
	case err != nil:
		return failed("identity", true, err, "")
	case len(edges) == 0:
		return Finding{
			Name: "token", Detail: "none given, and this connector has not enrolled: run needs one",
			Fix: "print one on the edge, oneping tunnel token NAME --output FILE, and name it here: --token-file FILE",
		}
	}
	return Finding{Name: "identity", OK: true, Needed: true, Detail: "enrolled: needs no token"}
}

// Passed says whether everything needed is there.
func Passed(fs []Finding) bool {
	for _, f := range fs {
		if !f.OK && f.Needed {
			return false
		}
	}
	return true
}

// Write writes a table for people.
func Write(w io.Writer, fs []Finding) error {
	var t term.Table
	for _, f := range fs {
		result := term.Good("pass")
		if !f.OK {
			result = term.Bad("FAIL")
		}
		if !f.OK && !f.Needed {
			result = term.Warn("warn")
		}
		t.Row(result, f.Name, f.Detail)
		if f.Fix != "" && !f.OK {
			t.Row("", "", "fix: "+f.Fix)
		}
	}
	return t.Print(w)
}

// failed makes a finding of an error, with its hint where it has one.
func failed(name string, needed bool, err error, fix string) Finding {
	return Finding{Name: name, Needed: needed, Detail: err.Error(), Fix: cmp.Or(fix, advice.Of(err))}
}

func ipv6() Finding {
	const name = "IPv6"
	addr, ok := host.Global(host.Kernel{}, false)
	if !ok {
		return Finding{Name: name, Detail: "this host has no global IPv6 address: IPv4 only"}
	}
	return Finding{Name: name, OK: true, Detail: addr.String()}
}

func stateDir(dir string) Finding {
	const name = "state directory"
	f, err := os.CreateTemp(dir, ".check-*")
	if errors.Is(err, os.ErrNotExist) {
		f, err = os.CreateTemp(existing(dir), ".check-*")
	}
	if err != nil {
		fix := fmt.Sprintf("install -d -o %d -g %d %s", os.Geteuid(), os.Getegid(), dir)
		return failed(name, false, fmt.Errorf("not writable, the identity would be kept in memory: %w", err), fix)
	}
	err = errors.Join(f.Close(), os.Remove(f.Name()))
	if err != nil {
		return failed(name, false, err, "")
	}
	return Finding{Name: name, OK: true, Detail: dir + " is writable"}
}

// existing returns the nearest parent of dir that exists: run makes the rest.
func existing(dir string) string {
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		if _, err := os.Stat(parent); err == nil {
			return parent
		}
	}
	return dir
}

// edge asks an edge for an answer over UDP.
func edge(ctx context.Context, cfg Config, addr string) Finding {
	name := "edge " + addr
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	if err := cfg.Dial(ctx, addr); err != nil {
		_, port, _ := net.SplitHostPort(addr)
		return failed(name, true, err, "let UDP port "+port+" through to the edge; on its machine, oneping edge status says whether it runs")
	}
	return Finding{Name: name, OK: true, Needed: true, Detail: "answers"}
}
