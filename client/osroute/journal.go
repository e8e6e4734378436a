package osroute

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/oneping/oneping/internal/process"
)

// This file keeps the journal: what this client is about to change on the host, written before it
// is changed, so that the next start or [Repair] undoes it after a crash. It has no build tag;
// Linux is the system that uses it.
//
// The journal is one JSON object of at most 64 KiB, mode 0600:
//
//	{
//	  "format": 1,
//	  "boot": "6c2a…",                 /proc/sys/kernel/random/boot_id: a reboot has undone everything
//	  "namespace": "net:[4026531840]", the network namespace that was changed: no other one is touched
//	  "claims": [                      where rules and routes may be; all of them also carry protocol 117
//	    {"device": "oneping0", "table": 7844, "priority": 5000}
//	  ],
//	  "device": {                      how the device was, only if it was there before the client (ip tuntap add)
//	    "name": "oneping0", "index": 7, "mtu": 1400, "queue": 500, "up": true, "multicast": true, "multicast_route": true,
//	    "addrs": ["10.0.0.1/32"],
//	    "settings": {"ipv4/rp_filter": "1"}   below /proc/sys/net/FAMILY/conf/NAME
//	  },
//	  "sha256": "9f86…"                process.Seal
//	}
//
// A new version is written to a file beside it, synced, renamed over it, and the directory
// synced: a crash leaves the old one or the new one. Whoever can write the state directory is not
// trusted more than that: a journal names tables, priorities and settings within the bounds of
// check, and of those only what carries protocol 117 is removed.

const (
	journalFormat = 1
	maxJournal    = 64 << 10 // bytes
	maxClaims     = 32       // each start with another device name that crashes at once adds one
	maxAddrs      = 64       // of a device that was there before
)

// claim is where the rules and routes of one device are: seven priorities and three tables.
type claim struct {
	Device   string `json:"device"`
	Table    int    `json:"table"`
	Priority int    `json:"priority"`
}

// same says that both are the same place, whatever their devices are called.
func (c claim) same(d claim) bool { return c.Table == d.Table && c.Priority == d.Priority }

// holds says that rules of this priority belong to the claim.
func (c claim) holds(priority int) bool {
	return priority >= c.Priority && priority < c.Priority+priorities
}

func claimOf(cfg Config) claim { return claim{cfg.Device, cfg.Table, cfg.Priority} }

// deviceState is how a device was before the client changed it.
type deviceState struct {
	Name           string            `json:"name"`
	Index          int               `json:"index"`
	MTU            int               `json:"mtu"`
	Queue          int               `json:"queue"`
	Up             bool              `json:"up"`
	Multicast      bool              `json:"multicast"`
	MulticastRoute bool              `json:"multicast_route"`
	Addrs          []netip.Prefix    `json:"addrs,omitempty"`
	Settings       map[string]string `json:"settings,omitempty"`
}

type journal struct {
	Format    int          `json:"format"`
	Boot      string       `json:"boot"`
	Namespace string       `json:"namespace"`
	Claims    []claim      `json:"claims"`
	Device    *deviceState `json:"device,omitempty"`
}

// readJournal returns the journal; none, and an empty path, is the zero journal and no error.
func readJournal(path string) (journal, error) {
	if path == "" {
		return journal{}, nil
	}
	f, err := process.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return journal{}, nil
	}
	if err != nil {
		return journal{}, fmt.Errorf("read journal: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJournal+1))
	if err != nil {
		return journal{}, fmt.Errorf("read journal: %w", err)
	}
	j, err := parseJournal(b)
	if err != nil {
		return journal{}, fmt.Errorf("read journal %s: %w", path, err)
	}
	return j, nil
}

func parseJournal(b []byte) (journal, error) {
	if len(b) > maxJournal {
		return journal{}, fmt.Errorf("more than %d bytes", maxJournal)
	}
	var j journal
	if err := process.Unseal(b, &j); err != nil {
		return journal{}, err
	}
	if err := j.check(); err != nil {
		return journal{}, err
	}
	return j, nil
}

// check bounds what a journal may make us do.
func (j *journal) check() error {
	if j.Format != journalFormat {
		return fmt.Errorf("format %d, want %d", j.Format, journalFormat)
	}
	if len(j.Claims) > maxClaims {
		return fmt.Errorf("%d claims, at most %d", len(j.Claims), maxClaims)
	}
	for _, c := range j.Claims {
		if c.Table <= tableLocal || c.Priority <= 0 || c.Priority+priorities > priorityMain {
			return fmt.Errorf("table %d and priority %d are none of a client's", c.Table, c.Priority)
		}
	}
	if d := j.Device; d != nil {
		if d.Name == "" || filepath.Base(d.Name) != d.Name || d.Name == "." || d.Name == ".." || d.Index <= 0 || len(d.Addrs) > maxAddrs {
			return fmt.Errorf("device %q cannot be", d.Name)
		}
		for key := range d.Settings {
			if !slices.ContainsFunc(quietSettings(), func(s setting) bool { return s.key() == key }) {
				return fmt.Errorf("setting %q is none of a client's", key)
			}
		}
	}
	return nil
}

// writeJournal replaces the journal, durably.
func writeJournal(path string, j journal) error {
	b, err := process.Seal(j)
	if err != nil {
		return fmt.Errorf("encode journal: %w", err)
	}
	err = process.WriteFile(path, b, 0o600)
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

// removeJournal removes the journal, durably; none is fine.
func removeJournal(path string) error {
	if path == "" {
		return nil
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("remove journal: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// setting is one value below /proc/sys/net/FAMILY/conf/DEVICE.
type setting struct{ family, name, value string }

func (s setting) key() string { return s.family + "/" + s.name }

// quietSettings are what a TUN device of ours is set to before it comes up. rp_filter is loose
// for the sake of other software that looks at it; our rules satisfy strict, too.
func quietSettings() []setting {
	return []setting{
		{"ipv4", "rp_filter", "2"},
		{"ipv4", "accept_local", "1"},  // the client's own "host unreachable" comes from the device's address
		{"ipv6", "addr_gen_mode", "1"}, // no link-local address
		{"ipv6", "accept_ra", "0"},
		{"ipv6", "autoconf", "0"},
		{"ipv6", "accept_dad", "0"},
		{"ipv6", "dad_transmits", "0"},
		{"ipv6", "router_solicitations", "0"},
	}
}
