package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

const (
	// enrolTimeout bounds one enrolment connection.
	enrolTimeout = 15 * time.Second
	// transferTimeout bounds the arrival of the request, and that of the answer: whoever idles holds a place.
	transferTimeout = 3 * time.Second
	// maxRequest bounds an enrolment request, in bytes.
	maxRequest = 64 << 10
)

// ServeEnrol serves one enrolment connection: one request, one answer. It
// closes l. Enrolments and refusals are logged here; the error is about a
// connection that ended without an answer, for the caller to log.
func (a *Authority) ServeEnrol(ctx context.Context, l *link.Link) error {
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	log := a.cfg.Log.With(zap.Stringer(obs.FieldRemote, l.Remote()))
	leave, refusal := a.limits.enter(l.Remote().Addr(), a.cfg.Now())
	if refusal != "" {
		log.Warn("enrolment refused", zap.String(obs.FieldReason, refusal))
		return l.Close(proto.CodeTooMany, refusal)
	}
	defer leave()
	return errors.Join(a.serveEnrol(ctx, l, log), l.Close(proto.CodeOK, ""))
}

func (a *Authority) serveEnrol(ctx context.Context, l *link.Link, log *zap.Logger) error {
	arrival, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	s, err := l.AcceptRaw(arrival)
	if err != nil {
		return fmt.Errorf("accept enrolment request: %w", err)
	}
	defer func() { _ = s.Close() }()
	until, _ := arrival.Deadline()
	_ = s.SetDeadline(until)
	body, err := proto.ReadFrame(s, nil, maxRequest)
	if err != nil {
		return fmt.Errorf("read enrolment request: %w", err)
	}
	var req proto.EnrolRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return fmt.Errorf("read enrolment request: %w", err)
	}
	var ans proto.EnrolAnswer
	if req.Declined != "" {
		log.Warn("enrolment declined by the node", zap.String(obs.FieldReason, term.Printable(req.Declined)))
	} else {
		ans = a.answer(ctx, l, &req, log)
	}
	ans.Time = a.cfg.Now().UTC()
	body, err = json.Marshal(ans)
	if err != nil {
		return fmt.Errorf("encode enrolment answer: %w", err)
	}
	_ = s.SetDeadline(time.Now().Add(transferTimeout))
	if _, err := s.Write(append(proto.AppendLength(nil, len(body)), body...)); err != nil {
		return fmt.Errorf("write enrolment answer: %w", err)
	}
	if err := s.CloseWrite(); err != nil {
		return fmt.Errorf("write enrolment answer: %w", err)
	}
	// The node ends its side when it has the answer: closing the link earlier could overtake it.
	_, _ = io.Copy(io.Discard, io.LimitReader(s, maxRequest))
	return nil
}

// answer decides on a request and says so here and there.
func (a *Authority) answer(ctx context.Context, l *link.Link, req *proto.EnrolRequest, log *zap.Logger) proto.EnrolAnswer {
	id, cert, err := a.enrol(ctx, l, req)
	known := a.knows(req, id)
	req.TokenID = term.Printable(req.TokenID) // it is a stranger's word where it names no token
	if err == nil {
		log.Info("enrolled", zap.Stringer(obs.FieldIdentity, id), zap.String(obs.FieldToken, req.TokenID), zap.Bool("renewal", req.Expired != nil))
		a.Know(l.Remote().Addr())
		a.audit(ctx, state.AuditEvent{Actor: l.Remote().String(), Action: "enrol", Object: id.String(), Detail: "token " + req.TokenID}, false)
		return proto.EnrolAnswer{Cert: cert, CA: a.cert.Raw}
	}
	r := asRefusal(err)
	fields := []zap.Field{
		zap.Stringer(obs.FieldCode, r.Code), zap.String(obs.FieldReason, r.Error()), zap.String(obs.FieldToken, req.TokenID), zap.String("hostname", term.Printable(req.Hostname)),
	}
	switch {
	case r.Code == proto.CodeInternal:
		log.Error("enrolment failed", zap.Error(err))
	case known:
		log.Warn("enrolment refused", append(fields, obs.Known(object(req, id)))...)
		a.audit(ctx, state.AuditEvent{Actor: l.Remote().String(), Action: "enrol refused", Object: object(req, id), Detail: r.Error()}, true)
	default: // a stranger gets a line of the log now and then, and no write with fsync
		log.Warn("enrolment refused", fields...)
	}
	return proto.EnrolAnswer{Code: r.Code, Error: r.Error(), Hint: advice.Of(r)}
}

// knows says whether a request is about a token or a node in the state. id is
// what an expired certificate of this authority says.
func (a *Authority) knows(req *proto.EnrolRequest, id proto.Identity) bool {
	sn := a.cfg.Store.Snapshot()
	if sn == nil {
		return false
	}
	var known bool
	switch {
	case req.Expired == nil:
		_, known = sn.Tokens[req.TokenID]
	case id.Role == proto.RoleClient:
		_, known = sn.Devices[id.ID]
	default:
		_, known = sn.Connectors[id.ID]
	}
	return known
}

// object names what a refused request was about.
func object(req *proto.EnrolRequest, id proto.Identity) string {
	if req.Expired != nil {
		return id.String()
	}
	return "token " + req.TokenID
}

func asRefusal(err error) *link.RefusedError {
	var r *link.RefusedError
	var t *state.Refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &t) && t.Why == state.PoolFull:
		return refuse(proto.CodePoolFull, t.Error(), "on the edge, "+state.AdvicePool)
	case errors.As(err, &t) && errors.Is(err, state.ErrToken):
		return refuse(proto.CodeRefused, t.Error(), tokenAdvice(t))
	}
	if errors.Is(err, state.ErrUnwritable) {
		return refuse(proto.CodeInternal, textUnwritable, "")
	}
	return refuse(proto.CodeInternal, "the edge failed; its log says why", "")
}

// textUnwritable says to a node no more than that: where the edge keeps its data is not its business.
const textUnwritable = "the edge cannot store anything now, as its disk is full or fails; its status says why"

func (a *Authority) enrol(ctx context.Context, l *link.Link, req *proto.EnrolRequest) (proto.Identity, []byte, error) {
	csr, err := parseRequest(req.CSR)
	if err != nil {
		return proto.Identity{}, nil, refuse(proto.CodeProtocol, err.Error(), "")
	}
	var id proto.Identity
	if req.Expired != nil {
		id, err = a.recognise(l, req, csr)
	} else {
		id, err = a.admit(ctx, l, req, csr)
	}
	if err != nil {
		return id, nil, err
	}
	cert, err := a.sign(id, csr.key)
	return id, cert, err
}

// admit enrols a node with a token.
func (a *Authority) admit(ctx context.Context, l *link.Link, req *proto.EnrolRequest, csr request) (proto.Identity, error) {
	t, err := a.cfg.Store.UseToken(ctx, req.TokenID, secretHash(req.Secret), csr.hash)
	if err != nil {
		return proto.Identity{}, err
	}
	if t.Kind == string(proto.TokenTunnel) {
		r, news, err := a.cfg.Store.PutConnector(ctx, model.Connector{Tunnel: t.Tunnel, Token: t.ID, Hostname: term.Printable(req.Hostname), OS: term.Printable(req.OS), KeyHash: csr.hash})
		if err != nil {
			return proto.Identity{}, err
		}
		if news {
			a.sayNew(l, r)
		}
		id := proto.Identity{Role: proto.RoleConnector, ID: r.ID, Tunnel: r.Tunnel}
		return id, a.permit(id, csr.hash)
	}
	d, err := a.cfg.Store.AllocateDevice(ctx, model.Device{ID: t.Device, Name: term.Printable(req.Hostname), User: t.User, OS: term.Printable(req.OS), KeyHash: csr.hash})
	if err != nil {
		return proto.Identity{}, err
	}
	id := proto.Identity{Role: proto.RoleClient, ID: d.ID}
	return id, a.permit(id, csr.hash)
}

// recognise renews a node whose certificate has expired: a certificate of
// ours, not too old, of a node that is not revoked, and a proof, made for this
// very connection, that the key is there.
func (a *Authority) recognise(l *link.Link, req *proto.EnrolRequest, csr request) (proto.Identity, error) {
	old, err := x509.ParseCertificate(req.Expired)
	if err != nil {
		return proto.Identity{}, refuse(proto.CodeProtocol, "parse expired certificate: "+err.Error(), "")
	}
	id, err := a.verify(old)
	if err != nil {
		return id, err
	}
	if a.cfg.Now().After(old.NotAfter.Add(RenewalGrace)) {
		return id, refuse(proto.CodeRefused, fmt.Sprintf("the certificate expired %d days ago; renewal works for %d",
			int(a.cfg.Now().Sub(old.NotAfter).Hours()/24), int(RenewalGrace.Hours()/24)), enrolAdvice(id.Role))
	}
	key, ok := old.PublicKey.(*ecdsa.PublicKey)
	if !ok || !key.Equal(csr.key) {
		return id, refuse(proto.CodeRefused, "renewal keeps the key, and this request has another", enrolAdvice(id.Role))
	}
	state := l.TLS()
	binding, err := state.ExportKeyingMaterial(proto.RenewalLabel, nil, sha256.Size)
	if err != nil {
		return id, fmt.Errorf("bind renewal to the connection: %w", err)
	}
	if !ecdsa.VerifyASN1(key, proto.RenewalDigest(binding, req.CSR), req.Proof) {
		return id, refuse(proto.CodeRefused, "the proof that the key is there is wrong", enrolAdvice(id.Role))
	}
	return id, a.permit(id, csr.hash)
}

// Renew signs a new certificate for a node that has a link, for the key it enrolled with.
func (a *Authority) Renew(id proto.Identity, csr []byte) ([]byte, error) {
	req, err := parseRequest(csr)
	if err != nil {
		return nil, refuse(proto.CodeProtocol, err.Error(), "")
	}
	if err := a.permit(id, req.hash); err != nil {
		return nil, err
	}
	return a.sign(id, req.key)
}
