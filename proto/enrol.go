package proto

import (
	"crypto/sha256"
	"time"
)

// EnrolRequest is the one request on an enrolment connection: a control frame
// (uint32 length, JSON) on the first bidirectional stream.
type EnrolRequest struct {
	TokenID  string `json:"token_id,omitempty"`
	Secret   []byte `json:"secret,omitempty"`
	CSR      []byte `json:"csr"`            // PKCS #10, DER; the key never leaves the node
	Expired  []byte `json:"cert,omitempty"` // renewal after expiry: the expired certificate, DER, instead of a token
	Proof    []byte `json:"proof,omitempty"`
	Hostname string `json:"hostname"`
	OS       string `json:"os"`
	Version  string `json:"version"`
	// Declined is set instead of everything else by a node that will not enrol here, and says why:
	// the edge's log should say it too, and the reason of a link closed this early can get lost.
	Declined string `json:"declined,omitempty"`
}

// EnrolAnswer answers an EnrolRequest.
type EnrolAnswer struct {
	Cert  []byte `json:"cert,omitempty"` // the node's certificate, DER
	CA    []byte `json:"ca,omitempty"`   // the authority's certificate, DER
	Code  Code   `json:"code,omitempty"` // refusal
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Time is what the edge's clock says; an older edge does not.
	Time time.Time `json:"time,omitzero"`
}

// RenewalLabel is the label under which both sides of an enrolment connection
// export keying material (RFC 8446 §7.5) for the proof in a renewal after expiry.
const RenewalLabel = "EXPORTER-oneping-renewal"

// RenewalDigest is what a node signs (ECDSA, ASN.1) with its key as EnrolRequest.Proof:
// it holds for one connection and one request only.
func RenewalDigest(exported, csr []byte) []byte {
	h := sha256.New()
	h.Write([]byte(RenewalLabel))
	h.Write(exported)
	h.Write(csr)
	return h.Sum(nil)
}
