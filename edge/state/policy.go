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
	if err := checkPolicySize(p); err != nil {
		return err
	}
	return s.change(ctx, func(*model.Snapshot) (write, error) { return write{kindPolicy, p}, nil })
}

// checkPolicySize refuses a policy that the store does not take.
func checkPolicySize(p model.Policy) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode policy: %w", err)
	}
	if len(body) > MaxPolicy && p.Text != nil {
		p.Text = nil
		return s.PutPolicy(ctx, p)
	}
	if len(body) > MaxPolicy {
		return policyLarge(len(body))
	}
	return nil
}
