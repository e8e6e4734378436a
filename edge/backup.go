package edge

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/process"
)

// A backup is a tar file (POSIX.1-2001 ustar) of these members, in this order, mode 0600:
//
//	backup.json    Manifest: what it is, and the SHA-256 of each of the others
//	snapshot       everything that was acknowledged, at one moment
//	journal        that nothing came behind it
//	secret.check   what the start compares the secret with
//	secret         what tokens of tunnels follow from
//	ca.crt         the authority
//	ca.key         its key
//
// Unpacked into an empty directory it is a state directory that oneping edge restore makes a store
// for. The audit log is not in it, nor when nodes were last seen, nor edge.yaml.
const (
	manifestName = "backup.json"
	backupFormat = 1
)

// Manifest says what a backup is.
type Manifest struct {
	Format    int               `json:"format"`
	Version   string            `json:"version"` // of the edge that made it
	Created   time.Time         `json:"created"`
	Authority string            `json:"authority"` // SHA-256 of its public key, hexadecimal
	Revision  uint64            `json:"revision"`  // the newest change that is in it
	Parts     []state.Part      `json:"parts"`     // what is in it, by kind
	Held      int               `json:"held,omitempty"`
	SHA256    map[string]string `json:"sha256"` // of each file, hexadecimal
}

// Backup is a backup that was read, and is whole.
type Backup struct {
	Manifest
	Files []state.File `json:"-"`
}

// backupNames are the files of a backup behind the manifest.
func backupNames() []string { return slices.Concat(state.EvidenceNames(), identity.FileNames()) }

// backup returns the state of a running edge as a file.
func (e *Edge) backup() ([]byte, error) {
	has, err := e.store.Evidence()
	if err != nil {
		return nil, err
	}
	authority, err := e.authority.Files()
	if err != nil {
		return nil, err
	}
	pin := e.authority.Pin()
	b := Backup{
		Manifest: Manifest{
			Format: backupFormat, Version: e.cfg.Version, Created: time.Now().UTC().Truncate(time.Second), Authority: hex.EncodeToString(pin[:]),
			Revision: has.Revision, Parts: has.Parts, Held: has.Held, SHA256: map[string]string{},
		},
		Files: slices.Concat(has.Files, authority),
	}
	return b.encode()
}

// encode returns the tar file.
func (b *Backup) encode() ([]byte, error) {
	for _, f := range b.Files {
		sum := sha256.Sum256(f.Data)
		b.SHA256[f.Name] = hex.EncodeToString(sum[:])
	}
	manifest, err := json.MarshalIndent(&b.Manifest, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode backup: %w", err)
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range append([]state.File{{Name: manifestName, Data: append(manifest, '\n')}}, b.Files...) {
		h := &tar.Header{Name: f.Name, Mode: 0o600, Size: int64(len(f.Data)), ModTime: b.Created, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("encode backup: %w", err)
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, fmt.Errorf("encode backup: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encode backup: %w", err)
	}
	return out.Bytes(), nil
}

// ReadBackup reads a backup and says of one that is not whole what is wrong with it.
func ReadBackup(b []byte) (*Backup, error) {
	out, err := readBackup(b)
	if err != nil {
		return nil, &advice.Error{Text: "read backup: " + err.Error(), Advice: "take one that is whole: oneping edge backup FILE makes one, and reads it back", Cause: err}
	}
	return out, nil
}

func readBackup(b []byte) (*Backup, error) {
	files, err := untar(b)
	if err != nil {
		return nil, err
	}
	var out Backup
	if err := json.Unmarshal(files[manifestName], &out.Manifest); err != nil {
		return nil, errors.New("it has no " + manifestName + " that can be read: is it a backup of an edge?")
	}
	if out.Format != backupFormat {
		return nil, fmt.Errorf("it has format %d, and this oneping reads %d", out.Format, backupFormat)
	}
	for _, name := range backupNames() {
		data, ok := files[name]
		if sum := sha256.Sum256(data); !ok || hex.EncodeToString(sum[:]) != out.SHA256[name] {
			return nil, errors.New("it is damaged: " + name + " is not what was written")
		}
		out.Files = append(out.Files, state.File{Name: name, Data: data})
	}
	has, err := state.ReadEvidence(files)
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	if err := identity.Verify(files); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	out.Revision, out.Parts = has.Revision, has.Parts
	return &out, nil
}

// untar returns the members of a tar file; those that no backup has are left out.
func untar(b []byte) (map[string][]byte, error) {
	known := append(backupNames(), manifestName)
	out := make(map[string][]byte, len(known))
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, errors.New("it is damaged, cut short, or no tar file")
		}
		if h.Typeflag != tar.TypeReg || !slices.Contains(known, h.Name) {
			continue
		}
		if _, twice := out[h.Name]; twice {
			return nil, errors.New("it has " + h.Name + " twice")
		}
		if out[h.Name], err = io.ReadAll(r); err != nil {
			return nil, errors.New("it is damaged or cut short in " + h.Name)
		}
	}
}

// serveBackup answers the local socket. It is no GET: members of the group may not have the key.
func (e *Edge) serveBackup(w http.ResponseWriter, r *http.Request) {
	b, err := e.backup()
	if err != nil {
		local.WriteError(w, http.StatusInternalServerError, err)
		return
	}
	actor := "unknown"
	if p, ok := local.PeerOf(r); ok {
		actor = "uid " + strconv.Itoa(p.UID)
	}
	if err := e.store.Audit(r.Context(), state.AuditEvent{Actor: actor, Action: "edge backup"}); err != nil {
		e.cfg.Log.Error("audit event lost", zap.String("action", "edge backup"), zap.Error(err))
	}
	e.cfg.Log.Named("admin").Info("edge backup", zap.String("actor", actor), zap.Int("bytes", len(b)))
	w.Header().Set("Content-Type", "application/x-tar")
	_, _ = w.Write(b) // a client that went away is its own business
}

// RestoreBackup makes the state directory what a backup says, while no edge runs on it. All of it
// stays the directory's owner's.
func (e *Edge) RestoreBackup(ctx context.Context, b *Backup, how state.Restore) (*state.Restored, error) {
	_, err := os.Stat(e.cfg.StateDir)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing && how.DryRun {
		return &state.Restored{
			StateDir: e.cfg.StateDir, Revision: b.Revision, Faults: []journal.Fault{}, Parts: b.Parts, Aside: []string{}, DryRun: true,
		}, nil
	}
	if missing { // root restores for a service's user, too
		if err := process.MakeStateDir(e.cfg.StateDir); err != nil {
			return nil, err
		}
	}
	how.Files = b.Files
	return e.Restore(ctx, how)
}
