package edge

import (
	"context"

	"github.com/oneping/oneping/edge/relay"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// relayLink is a node's link as the relay sees it.
type relayLink struct{ *link.Link }

// OpenFlow opens a flow on the link.
func (l relayLink) OpenFlow(ctx context.Context, h *proto.FlowHeader) (relay.Stream, error) {
	s, err := l.Link.OpenFlow(ctx, h)
	if err != nil {
		return nil, err // not a nil *link.Stream in an interface
	}
	return s, nil
}
