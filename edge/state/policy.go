package state

import (
	"context"

	"github.com/oneping/oneping/edge/model"
)

// PutPolicy replaces the policy. The caller has validated it.
func (s *Store) PutPolicy(ctx context.Context, p model.Policy) error {
	return s.change(ctx, func(*model.Snapshot) (write, error) { return write{kindPolicy, p}, nil })
}
