package path

import (
	"context"

	"github.com/oneping/oneping/internal/link"
)

// DialWatched is Dial that also returns who says whether a spare path is ready.
func DialWatched(ctx context.Context, addr string, cfg Config) (*link.Link, func() bool, error) {
	targets, err := resolve(ctx, addr, &cfg)
	if err != nil {
		return nil, nil, err
	}
	c, err := dialAny(ctx, targets, &cfg)
	if err != nil {
		return nil, nil, err
	}
	l, err := c.link(&cfg)
	return l, c.paths.hasSpare, err
}
