package proto

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
}

// EnrolAnswer answers an EnrolRequest.
type EnrolAnswer struct {
	Cert  []byte `json:"cert,omitempty"` // the node's certificate, DER
	CA    []byte `json:"ca,omitempty"`   // the authority's certificate, DER
	Code  Code   `json:"code,omitempty"` // refusal
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}
