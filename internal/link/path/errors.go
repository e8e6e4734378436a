package path

import (
	"errors"
	"fmt"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// translate turns quic-go's errors into those of links.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*quic.ApplicationError](err); ok {
		return &link.CloseError{Code: proto.Code(e.ErrorCode), Text: term.Printable(e.ErrorMessage), Remote: e.Remote}
	}
	if e, ok := errors.AsType[*quic.StreamError](err); ok {
		return &link.ResetError{Code: proto.Code(e.ErrorCode), Remote: e.Remote, Cause: err}
	}
	if _, ok := errors.AsType[*quic.StatelessResetError](err); ok {
		return fmt.Errorf("peer restarted and no longer knows this link: %w", err)
	}
	if e, ok := errors.AsType[*quic.TransportError](err); ok {
		return &HandshakeError{cause: e}
	}
	return err
}
