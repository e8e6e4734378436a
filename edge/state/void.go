package state

import (
	"context"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

// VoidTokens makes every token useless that could still enrol somebody: those of tunnels and those
// of devices that have not been used. It returns how many of each.
func (s *Store) VoidTokens(ctx context.Context) (tunnel, device int, err error) {
	for {
		var voided *model.Token
		err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
			voided = nil
			for id, t := range sn.Tokens {
				if !t.Revoked && t.Used == nil {
					t.Revoked, voided = true, &t
					return write{keyToken(id), t}, nil
				}
			}
			return write{}, errNothing
		})
		switch {
		case err != nil || voided == nil:
			return tunnel, device, err
		case voided.Kind == string(proto.TokenTunnel):
			tunnel++
		default:
			device++
		}
	}
}

// RevokeAll revokes every device and forgets every connector, revoked ones aside: none of them can
// come back without a new token. It returns how many of each there were.
func (s *Store) RevokeAll(ctx context.Context) (connectors, devices int, err error) {
	sn := s.Snapshot()
	if sn == nil {
		return 0, 0, ErrNotReady
	}
	for id := range sn.Tunnels {
		gone, err := s.EvictConnectors(ctx, id, noToken)
		if connectors += len(gone); err != nil {
			return connectors, devices, err
		}
	}
	for id, d := range sn.Devices {
		if d.Revoked {
			continue
		}
		if err := s.RevokeDevice(ctx, id); err != nil {
			return connectors, devices, err
		}
		devices++
	}
	return connectors, devices, nil
}

// noToken is no token's id: "" is what connectors of before have.
const noToken = "-"
