package local

import (
	"context"
	"net"
	"net/http"
	"os"

	"github.com/oneping/oneping/internal/advice"
)

// Peer is the process at the other end of a connection.
type Peer struct {
	UID, PID int
}

type peerKey struct{}

// withPeer notes who connected, for guard.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if p, ok := peerOf(conn); ok {
		return context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

// PeerOf returns who sent a request, where the system tells.
func PeerOf(r *http.Request) (Peer, bool) {
	p, ok := r.Context().Value(peerKey{}).(Peer)
	return p, ok
}

// guard keeps changes for root and for the user of this process. Where the
// system does not tell who is connected, the permissions of the socket decide.
func guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, known := PeerOf(r)
		if known && !mayDo(r.Method, p.UID, os.Geteuid()) {
			WriteError(w, http.StatusForbidden, &advice.Error{
				Text:   "changes are for root and for the user that this process runs as",
				Advice: "repeat the command with sudo",
			})
			return
		}
		h.ServeHTTP(w, r)
	})
}

func mayDo(method string, uid, owner int) bool {
	return method == http.MethodGet || method == http.MethodHead || uid == 0 || uid == owner
}
