package node

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// Files of a node in its state directory, mode 0600.
const (
	keyFile      = "node.key"
	identityFile = "node.json"
)

// storedIdentity is identityFile; process.Seal writes it.
type storedIdentity struct {
	Token string   `json:"token_id"`
	Edges []string `json:"edges"`
	// Named are the edges of the token, where others were learnt since.
	Named []string `json:"token_edges,omitempty"`
	CA    []byte   `json:"ca"`          // DER
	Cert  []byte   `json:"certificate"` // DER
}

// StoredEdges returns the edges with which a node of that state directory has enrolled; none where
// it has not.
func StoredEdges(stateDir string) ([]string, error) {
	n := Node{cfg: Config{StateDir: stateDir}}
	b, err := n.read(identityFile)
	if err != nil || b == nil {
		return nil, err
	}
	var s storedIdentity
	if err := process.Unseal(b, &s); err != nil {
		return nil, n.damaged(identityFile, err)
	}
	return s.Edges, nil
}

// load reads key and identity once, or makes the key.
func (n *Node) load() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.loaded {
		return nil
	}
	if err := n.loadKey(); err != nil {
		return err
	}
	if err := n.loadIdentity(); err != nil {
		return err
	}
	n.loaded = true
	return nil
}

func (n *Node) path(name string) string { return filepath.Join(n.cfg.StateDir, name) }

// read returns the contents of a file, nil when it does not exist.
func (n *Node) read(name string) ([]byte, error) {
	if n.cfg.StateDir == "" {
		return nil, nil
	}
	b, err := process.ReadFile(n.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, nil
	case err != nil:
		return nil, &advice.Error{
			Text:   "read identity: " + err.Error(),
			Advice: n.unreadable(name, err),
			Cause:  err,
		}
	}
	return b, nil
}

// unreadable says what to do about a file that is there and cannot be read.
func (n *Node) unreadable(name string, err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "run as the user who owns " + n.cfg.StateDir + ", or pass another --state-dir"
	}
	return "put " + n.path(name) + " back from a backup, or move it away; then " + anew
}

// anew is how a node without its key or certificate goes on.
const anew = "enrol again with a new token"

func (n *Node) loadKey() error {
	b, err := n.read(keyFile)
	if err != nil {
		return err
	}
	if b == nil {
		if err := n.orphan(); err != nil {
			return err
		}
		return n.makeKey()
	}
	if err := process.CheckMode(n.path(keyFile)); err != nil {
		return err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return n.damaged(keyFile, notPEM(b))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return n.damaged(keyFile, errors.New("it is damaged: there is no private key in it"))
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return n.damaged(keyFile, fmt.Errorf("a key of type %T", key))
	}
	n.key = ec
	return nil
}

// orphan refuses to make a key in the place of one that is lost: the certificate that is there is good
// for no other.
func (n *Node) orphan() error {
	b, err := n.read(identityFile)
	if err != nil || b == nil {
		return err
	}
	return &advice.Error{
		Text:   fmt.Sprintf("read %s: it is missing, and %s is the certificate for it", n.path(keyFile), n.path(identityFile)),
		Advice: "put it back from a backup; without one delete " + n.path(identityFile) + " and " + anew,
		Cause:  fs.ErrNotExist,
	}
}

func notPEM(b []byte) error {
	switch {
	case len(b) == 0:
		return errors.New("it is empty")
	case len(bytes.Trim(b, "\x00")) == 0:
		return errors.New("it holds nothing but zeros")
	}
	return errors.New("it is damaged or cut short: not PEM")
}

func (n *Node) damaged(name string, err error) error {
	return &advice.Error{
		Text:   fmt.Sprintf("read %s: %v", n.path(name), err),
		Advice: "put it back from a backup; without one delete " + n.path(keyFile) + " and " + n.path(identityFile) + " and " + anew,
		Cause:  err,
	}
}

// makeKey makes this machine's key; it never leaves it.
func (n *Node) makeKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	n.key = key
	n.write(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return nil
}

// replaceKey makes another key in the place of one that is of no use any more. The certificate for it
// goes first: a start between the two finds a node that has not enrolled.
func (n *Node) replaceKey() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unwritten = slices.DeleteFunc(n.unwritten, func(f unwritten) bool { return f.name == identityFile })
	if n.cfg.StateDir != "" {
		if err := os.Remove(n.path(identityFile)); err != nil && !errors.Is(err, fs.ErrNotExist) && !process.Unwritable(err) {
			return fmt.Errorf("replace key: %w", err)
		}
	}
	return n.makeKey()
}

// write keeps a file. Where the state directory cannot be written, this node lives in memory, and
// writes when it can be: see writeLater. n.mu is held.
func (n *Node) write(name string, b []byte) {
	n.unwritten = slices.DeleteFunc(n.unwritten, func(f unwritten) bool { return f.name == name })
	n.unwritten = append(n.unwritten, unwritten{name, b})
	n.writeLater()
}

// unwritten is a file that is to be written.
type unwritten struct {
	name string
	b    []byte
}

// writeLater writes what could not be written, the key first: an identity without its key is worth
// nothing. n.mu is held.
func (n *Node) writeLater() {
	if n.cfg.StateDir == "" {
		return
	}
	was := n.unkept
	n.unkept = nil
	for len(n.unwritten) > 0 && n.unkept == nil {
		if err := process.WriteFile(n.path(n.unwritten[0].name), n.unwritten[0].b, 0o600); err != nil {
			n.unkept = process.NoRoom(n.cfg.StateDir, err)
			break
		}
		n.unwritten = n.unwritten[1:]
	}
	switch {
	case n.unkept != nil && was == nil:
		n.cfg.Log.Warn("the state directory cannot be written: key and certificate stay in memory, and a start before they are written enrols again",
			zap.String(obs.FieldStateDir, n.cfg.StateDir), zap.Error(n.unkept), obs.Hint(n.unkept))
	case n.unkept == nil && was != nil:
		n.cfg.Log.Info("key and certificate are written", zap.String(obs.FieldStateDir, n.cfg.StateDir))
	}
}

func (n *Node) loadIdentity() error {
	b, err := n.read(identityFile)
	if err != nil || b == nil {
		return err
	}
	var s storedIdentity
	if err := process.Unseal(b, &s); err != nil {
		return n.damaged(identityFile, err)
	}
	id := identity{token: s.Token, edges: s.Edges, named: s.Named}
	if id.named == nil {
		id.named = s.Edges
	}
	if id.ca, err = x509.ParseCertificate(s.CA); err != nil {
		return n.damaged(identityFile, err)
	}
	if id.cert, err = x509.ParseCertificate(s.Cert); err != nil {
		return n.damaged(identityFile, err)
	}
	if !n.key.PublicKey.Equal(id.cert.PublicKey) {
		return n.damaged(identityFile, errors.New("its certificate is not for the key in "+n.path(keyFile)+": one of them is damaged, or another node's"))
	}
	if who, err := identityOf(id.cert); err != nil || who.Role != n.cfg.Role {
		return &advice.Error{
			Text:   fmt.Sprintf("the state directory %s belongs to a %s, not to a %s", n.cfg.StateDir, who.Role, n.cfg.Role),
			Advice: "pass another --state-dir",
		}
	}
	n.id = id
	return nil
}

func identityOf(c *x509.Certificate) (proto.Identity, error) {
	if len(c.URIs) != 1 {
		return proto.Identity{}, errors.New("the certificate carries no identity")
	}
	return proto.ParseIdentity(c.URIs[0])
}

// keep makes id the node's identity, on disk too where that is possible.
func (n *Node) keep(id identity) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stale = false
	return n.keepLocked(id)
}

// keepLocked is keep where n.mu is held.
func (n *Node) keepLocked(id identity) error {
	s := storedIdentity{Token: id.token, Edges: id.edges, CA: id.ca.Raw, Cert: id.cert.Raw}
	if !slices.Equal(id.named, id.edges) {
		s.Named = id.named
	}
	b, err := process.Seal(s)
	if err != nil {
		return fmt.Errorf("encode identity: %w", err)
	}
	n.id = id
	n.write(identityFile, b)
	return nil
}
