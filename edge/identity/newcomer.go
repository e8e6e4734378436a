package identity

import (
	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

// sayNew says that a connector has enrolled that was not there before. Where others serve the
// tunnel already that is a warning: whoever has the token may have sent it.
func (a *Authority) sayNew(l *link.Link, c model.Connector) {
	sn := a.cfg.Store.Snapshot()
	say := a.cfg.Log.Info
	if len(sn.ConnectorsOf(c.Tunnel)) > 1 {
		say = a.cfg.Log.Warn
	}
	say("a new connector of "+sn.Tunnels[c.Tunnel].Name,
		zap.Stringer(obs.FieldIdentity, proto.Identity{Role: proto.RoleConnector, ID: c.ID, Tunnel: c.Tunnel}), zap.String("hostname", c.Hostname), zap.Stringer(obs.FieldRemote, l.Remote()),
		zap.String(obs.FieldHint, "if it is not yours: oneping connector revoke "+c.ID))
}
