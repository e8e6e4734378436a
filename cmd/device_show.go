package cmd

import (
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/term"
)

// writeDevices lists devices.
func writeDevices(w io.Writer, devices []admin.Device, now time.Time) error {
	t := &term.Table{Empty: "-"}
	t.Row("DEVICE", "USER", "HOST", "ADDRESS", "STATE", "FROM")
	for _, d := range devices {
		t.Row(d.ID, d.User, d.Name, address(d.Addr4), linkState(d.Link, d.LastSeen, d.Revoked, now), remote(d.Link))
	}
	return t.Print(w)
}

// address writes an address; a device that was revoked long ago may have none any more.
func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// writeDevice shows one device.
func writeDevice(w io.Writer, d *admin.Device, now time.Time) error {
	t := &term.Table{Empty: "-"}
	t.Row("device", d.ID)
	t.Row("user", d.User)
	t.Row("host", d.Name)
	t.Row("system", d.OS)
	t.Row("addresses", term.List(slices.DeleteFunc([]netip.Addr{d.Addr4, d.Addr6}, func(a netip.Addr) bool { return !a.IsValid() })))
	t.Row("enrolled", term.Minute(d.Created))
	t.Row("state", linkState(d.Link, d.LastSeen, d.Revoked, now))
	if d.Link != nil {
		t.Row("from", d.Link.Remote.String())
		t.Row("version", d.Link.Version)
		writePath(t, d.Link, "device", now)
		if d.Link.Configuration.Behind() {
			t.Row("behind", "it has "+d.Link.Configuration.String()+"; what is newer is not captured there yet")
		}
	}
	return t.Print(w)
}
