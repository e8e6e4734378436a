package node

import (
	"errors"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// TestPutOutNodeIsAdvised: each role is told which command of the edge lets it in again.
func TestPutOutNodeIsAdvised(t *testing.T) {
	revoked := &link.CloseError{Code: proto.CodeRevoked, Remote: true, Text: "revoked"}
	for role, want := range map[proto.Role]string{
		proto.RoleClient:    "to let it in again, make a token on the edge (oneping device token --user USER) and start it with --token-file",
		proto.RoleConnector: "to let it in again, make a token on the edge (oneping tunnel token NAME --rotate) and start it with --token-file",
	} {
		n := New(Config{Role: role})
		if err := n.advised(revoked); advice.Of(err) != want || !errors.Is(err, revoked) || err.Error() != revoked.Error() {
			t.Errorf("%s: %v, hint %q", role, err, advice.Of(err))
		}
		other := &link.CloseError{Code: proto.CodeDraining, Remote: true}
		if err := n.advised(other); err != error(other) {
			t.Errorf("%s: another end became %v", role, err)
		}
	}
}
