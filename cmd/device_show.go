package cmd

import (
	"io"
	"time"

	"github.com/oneping/oneping/edge/admin"
)

// writeDevices lists devices.
func writeDevices(w io.Writer, devices []admin.Device, now time.Time) error {
	t := &table{}
	t.row("DEVICE", "USER", "HOST", "ADDRESS", "STATE", "FROM")
	for _, d := range devices {
		t.row(d.ID, d.User, d.Name, d.Addr4.String(), linkState(d.Link, d.LastSeen, d.Revoked, now), remote(d.Link))
	}
	return t.write(w)
}

// writeDevice shows one device.
func writeDevice(w io.Writer, d *admin.Device, now time.Time) error {
	t := &table{}
	t.row("device", d.ID)
	t.row("user", d.User)
	t.row("host", d.Name)
	t.row("system", d.OS)
	t.row("addresses", d.Addr4.String()+", "+d.Addr6.String())
	t.row("enrolled", day(d.Created))
	t.row("state", linkState(d.Link, d.LastSeen, d.Revoked, now))
	if d.Link != nil {
		t.row("from", d.Link.Remote.String())
		t.row("version", d.Link.Version)
		if d.Link.Configuration.Behind() {
			t.row("behind", "it has "+d.Link.Configuration.String()+"; what is newer is not captured there yet")
		}
	}
	return t.write(w)
}
