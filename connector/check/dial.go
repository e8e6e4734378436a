package check

import (
	"context"
	"crypto/tls"

	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// DialEdge says whether an edge answers at addr over UDP. It shows no
// certificate, trusts nobody and says nothing: it is for `connector check`.
func DialEdge(ctx context.Context, addr string) error {
	l, err := path.Dial(ctx, addr, path.Config{
		ALPN: proto.EnrolALPN,
		TLS:  &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, ServerName: proto.EdgeName},
	})
	if err != nil {
		return err
	}
	return l.Close(proto.CodeOK, "check")
}
