package state

import "context"

// PutPolicy replaces the policy. The caller has validated it.
func (s *Store) PutPolicy(ctx context.Context, p Policy) error {
	return s.change(ctx, func(*Snapshot) (write, error) { return write{kindPolicy, p}, nil })
}
