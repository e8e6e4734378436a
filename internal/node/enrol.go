package node

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// attemptTimeout bounds one enrolment connection.
const attemptTimeout = 15 * time.Second

// Enrol makes sure that this node has a certificate: it reads the stored one,
// enrols with the token when there is none or when the token is another one than
// before, and renews one that has expired. An edge that cannot be reached is
// asked again, with growing pauses, until ctx ends; a refusal is an *advice.Error with
// the edge's own reason and hint.
func (n *Node) Enrol(ctx context.Context) error {
	if err := n.load(); err != nil {
		return err
	}
	n.work.Lock()
	defer n.work.Unlock()
	tok, have, err := n.token(ctx)
	id := n.current()
	switch {
	case id.cert == nil && err != nil:
		return err
	case id.cert == nil && !have:
		return &advice.Error{
			Text:   "this " + string(n.cfg.Role) + " has not enrolled and no token was given",
			Advice: "pass --token-file F, or set " + process.TokenVariable + "; the edge prints one: oneping " + process.TokenCommand(n.cfg.Role),
		}
	case id.cert == nil:
		return n.enrolAfresh(ctx, tok)
	case err != nil:
		n.cfg.Log.Warn("token ignored: this node has enrolled already", zap.Error(err))
	case have && n.differs(tok, id):
		return n.enrolAnew(ctx, tok, id)
	case have && !slices.Equal(tok.Edges, id.named):
		id.named, id.edges = tok.Edges, tok.Edges // the same token, printed again after the edge moved
		if err := n.keep(id); err != nil {
			return err
		}
	}
	return n.refresh(ctx)
}

// token reads the token and checks that it is one for this role.
func (n *Node) token(ctx context.Context) (proto.Token, bool, error) {
	if n.cfg.TokenSource == nil {
		return proto.Token{}, false, nil
	}
	tok, ok, err := n.cfg.TokenSource(ctx)
	if err != nil || !ok {
		return proto.Token{}, false, err
	}
	if err := process.CheckTokenKind(tok, n.cfg.Role); err != nil {
		return proto.Token{}, false, err
	}
	return tok, true, nil
}

// differs says whether tok is another token than the one this node enrolled with.
func (n *Node) differs(tok proto.Token, id identity) bool {
	p := pin(id.ca)
	return tok.ID != id.token || !bytes.Equal(tok.CA, p[:])
}

// enrolAnew follows a new token. Where the edge of before refuses it, the
// identity of before goes on: an old token file must not lock a node out.
func (n *Node) enrolAnew(ctx context.Context, tok proto.Token, id identity) error {
	err := n.enrolWith(ctx, tok)
	no, ok := errors.AsType[*link.RefusedError](err)
	if p := pin(id.ca); !ok || !bytes.Equal(tok.CA, p[:]) {
		return err
	}
	n.cfg.Log.Warn("token ignored: the edge refused it, and this node has enrolled already",
		zap.String(obs.FieldReason, no.Error()), zap.String(obs.FieldToken, tok.ID))
	if err := n.refresh(ctx); !isRevoked(err) {
		return err
	}
	return n.enrolAfresh(ctx, tok)
}

func isRevoked(err error) bool {
	no, ok := errors.AsType[*link.RefusedError](err)
	return ok && no.Code == proto.CodeRevoked
}

// enrolAfresh enrols a node that has no other way in. The key of a connector that was revoked enrols
// nowhere in its tunnel; with a token that was made since, it does so with another key. The token
// that it has does not do: it lies beside the key, and nobody would ever be put out.
func (n *Node) enrolAfresh(ctx context.Context, tok proto.Token) error {
	err := n.enrolWith(ctx, tok)
	if id := n.current(); !isRevoked(err) || id.cert != nil && !n.differs(tok, id) {
		return err
	}
	n.cfg.Log.Warn("this node was revoked: it enrols anew, with another key, as it has another token", zap.String(obs.FieldToken, tok.ID))
	if err := n.replaceKey(); err != nil {
		return err
	}
	return n.enrolWith(ctx, tok)
}

// refresh renews the certificate when it has expired or has not begun. n.work is held.
func (n *Node) refresh(ctx context.Context) error {
	if !n.expired() {
		return nil
	}
	id, text := n.current(), "renewing an expired certificate"
	if n.cfg.Now().Before(id.cert.NotBefore) {
		text = "renewing a certificate that has not begun"
	}
	n.cfg.Log.Info(text, zap.Time("begins", id.cert.NotBefore), zap.Time("expired", id.cert.NotAfter))
	return n.retry(ctx, id.edges, func(ctx context.Context, addr string) error {
		return n.renewExpired(ctx, addr, id)
	})
}

// expired says whether the certificate is not good now: the edge has said so, or its clock does as far
// as it is known, else this machine's.
func (n *Node) expired() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.id.cert == nil {
		return false
	}
	now := n.clock.now(n.cfg.Now())
	return n.stale || now.After(n.id.cert.NotAfter) || now.Before(n.id.cert.NotBefore)
}

func (n *Node) enrolWith(ctx context.Context, tok proto.Token) error {
	return n.retry(ctx, tok.Edges, func(ctx context.Context, addr string) error {
		return n.enrolAt(ctx, addr, tok)
	})
}

// retry calls attempt for each edge in turn until one succeeds or refuses, or ctx ends.
func (n *Node) retry(ctx context.Context, edges []string, attempt func(context.Context, string) error) error {
	pause := &backoff.ExponentialBackOff{InitialInterval: 200 * time.Millisecond, RandomizationFactor: 0.3, Multiplier: 2, MaxInterval: 5 * time.Second}
	pause.Reset()
	n.note(pending{edges: edges})
	defer n.note(pending{})
	for i := 0; ; i++ {
		addr := edges[i%len(edges)]
		one, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := attempt(one, addr)
		cancel()
		no, isNo := errors.AsType[*link.RefusedError](err)
		if err == nil || isNo && no.Code != proto.CodeTooMany {
			return err
		}
		if ctx.Err() == nil {
			n.note(pending{edges: edges, failed: err})
			n.cfg.Log.Warn("cannot enrol yet", zap.String(obs.FieldRemote, addr), zap.Error(err), obs.Hint(err))
		}
		t := time.NewTimer(pause.NextBackOff())
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("enrol: %w (last failure: %w)", context.Cause(ctx), err)
		case <-t.C:
		}
	}
}

// note notes for the status why there is no certificate yet.
func (n *Node) note(p pending) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trying = p
}

// enrolAt enrols with a token at one edge.
func (n *Node) enrolAt(ctx context.Context, addr string, tok proto.Token) error {
	l, ca, err := n.dial(ctx, addr, [32]byte(tok.CA))
	if err != nil {
		return err
	}
	req := n.request()
	req.TokenID, req.Secret = tok.ID, tok.Secret
	ans, err := n.ask(ctx, l, req)
	if err != nil {
		return err
	}
	cert, err := n.accept(ans.Cert, ca)
	if err != nil {
		return err
	}
	n.cfg.Log.Info("enrolled", zap.Stringer(obs.FieldIdentity, cert.URIs[0]), zap.String(obs.FieldRemote, addr))
	return n.keep(identity{token: tok.ID, named: tok.Edges, edges: tok.Edges, ca: ca, cert: cert})
}

// renewExpired renews at one edge with the expired certificate and a proof that the key is here.
func (n *Node) renewExpired(ctx context.Context, addr string, id identity) error {
	l, _, err := n.dial(ctx, addr, pin(id.ca))
	if err != nil {
		return err
	}
	req := n.request()
	req.Expired = id.cert.Raw
	if req.CSR, err = n.csr(); err != nil {
		return errors.Join(err, l.Close(proto.CodeInternal, ""))
	}
	state := l.TLS()
	binding, err := state.ExportKeyingMaterial(proto.RenewalLabel, nil, sha256.Size)
	if err != nil {
		return errors.Join(fmt.Errorf("bind renewal to the connection: %w", err), l.Close(proto.CodeInternal, ""))
	}
	if req.Proof, err = ecdsa.SignASN1(rand.Reader, n.key, proto.RenewalDigest(binding, req.CSR)); err != nil {
		return errors.Join(fmt.Errorf("sign renewal: %w", err), l.Close(proto.CodeInternal, ""))
	}
	ans, err := n.ask(ctx, l, req)
	if err != nil {
		return err
	}
	return n.install(ans.Cert)
}
