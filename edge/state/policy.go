package state

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/oneping/oneping/edge/model"
)

// MaxPolicy bounds a policy as it is stored, in bytes of JSON: NATS takes messages of 1 MiB, the
// headers of a change included.
const MaxPolicy = 1<<20 - 4096

// PutPolicy replaces the policy. The caller has validated it. Where the text that it was written as
// has no room beside it, it is stored without.
func (s *Store) PutPolicy(ctx context.Context, p model.Policy) error {
	p, err := fitPolicy(p)
	if err != nil {
		return err
	}
	return s.change(ctx, func(*model.Snapshot) (write, error) { return write{kindPolicy, p}, nil })
}

// fitPolicy returns p as the store takes it: without its text where that has no room. It refuses a
// policy that has none itself.
func fitPolicy(p model.Policy) (model.Policy, error) {
	body, err := json.Marshal(p)
	switch {
	case err != nil:
		return p, fmt.Errorf("encode policy: %w", err)
	case len(body) <= MaxPolicy:
		return p, nil
	case p.Text != nil:
		p.Text = nil
		return fitPolicy(p)
	}
	return p, policyLarge(len(body))
}
