package service

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/proto"
)

var roles = []proto.Role{proto.RoleClient, proto.RoleConnector, proto.RoleEdge}

func TestTexts(t *testing.T) {
	names := []string{"sysusers.conf", "49-oneping.conf"}
	for _, r := range roles {
		names = append(names, Name(r)+".service", string(r)+".yaml")
	}
	for _, name := range names {
		if text(name) == "" {
			t.Errorf("no text %s", name)
		}
	}
	files, err := fs.ReadDir(texts, "linux")
	if err != nil || len(files) != len(names) {
		t.Errorf("%d texts, %v, want %q", len(files), err, names)
	}
}

func TestUnitOfAProgram(t *testing.T) {
	for _, r := range roles {
		shipped := text(Name(r) + ".service")
		if got := Unit(r, packaged); got != shipped {
			t.Errorf("%s: another unit for the packaged program:\n%s", r, cmp.Diff(shipped, got))
		}
		for exe, want := range map[string]string{
			"/usr/local/bin/oneping": "/usr/local/bin/oneping", "/opt/a b/oneping": `"/opt/a b/oneping"`, "/opt/50%$x": "/opt/50%%$$x",
		} {
			if got := Unit(r, exe); strings.Count(got, "\nExecStart="+want+" "+string(r)+" run\n") != 1 {
				t.Errorf("%s of %s:\n%s", r, exe, got)
			}
		}
	}
}

// TestUnitsAreHardened names what every unit must have; what systemd makes of it is tested with a
// real one (scripts/test package).
func TestUnitsAreHardened(t *testing.T) {
	all := []string{
		"Type=notify", "DynamicUser=yes", "Group=oneping", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
		"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK", "RestrictNamespaces=yes", "MemoryDenyWriteExecute=yes",
		"SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "SystemCallArchitectures=native",
		"Restart=always", "RestartPreventExitStatus=2", "LimitNOFILE=65536", "WantedBy=multi-user.target",
	}
	none := []string{"CapabilityBoundingSet=", "PrivateUsers=yes", "PrivateDevices=yes", "ProtectKernelTunables=yes"}
	own := map[proto.Role][]string{
		proto.RoleEdge:      slices.Concat(none, []string{"MemoryMax=75%"}),
		proto.RoleConnector: slices.Concat(none, []string{"MemoryMax=50%", "LoadCredential=oneping-token:/etc/oneping/connector.token"}),
		proto.RoleClient: {
			"MemoryMax=50%", "CapabilityBoundingSet=CAP_NET_ADMIN", "AmbientCapabilities=CAP_NET_ADMIN", "DevicePolicy=closed", "DeviceAllow=/dev/net/tun rw",
			"LoadCredential=oneping-token:/etc/oneping/client.token",
		},
	}
	for _, r := range roles {
		lines := strings.Split(text(Name(r)+".service"), "\n")
		for _, want := range slices.Concat(all, own[r], []string{"StateDirectory=oneping/" + string(r), "RuntimeDirectory=oneping/" + string(r)}) {
			if !slices.Contains(lines, want) {
				t.Errorf("%s: no line %s", r, want)
			}
		}
		for _, line := range lines {
			if strings.Contains(line, "CAP_") && r != proto.RoleClient {
				t.Errorf("%s: %s", r, line)
			}
		}
	}
}

// TestDefinitions is what launchd and the Windows service manager are told.
func TestDefinitions(t *testing.T) {
	for _, c := range []struct {
		role  proto.Role
		token bool
		want  definition
	}{
		{proto.RoleClient, true, definition{
			Name: "oneping-client", DisplayName: "oneping client", Arguments: []string{"client", "run", "--token-file", TokenPath(proto.RoleClient)},
		}},
		{proto.RoleConnector, false, definition{Name: "oneping-connector", DisplayName: "oneping connector", Arguments: []string{"connector", "run"}}},
		{proto.RoleEdge, false, definition{Name: "oneping-edge", DisplayName: "oneping edge", Arguments: []string{"edge", "run"}}},
	} {
		got := define(Config{Role: c.role, Executable: "/opt/oneping"}, c.token)
		c.want.Executable = "/opt/oneping"
		c.want.Description = "The " + string(c.role) + " of a private network that tells the truth about its path."
		c.want.Options = map[string]any{
			"RunAtLoad": true, "KeepAlive": true, "LogOutput": true,
			"StartType": "automatic", "OnFailure": "restart", "OnFailureDelayDuration": "5s", "OnFailureResetPeriod": 86400,
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.role, diff)
		}
	}
}
