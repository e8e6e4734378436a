package client

import (
	"errors"
	"fmt"

	"github.com/oneping/oneping/client/tun"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/proto/packet"
)

// File is a client's configuration file, /etc/oneping/client.yaml. Keys that
// are left out keep their defaults; flags win over the file.
type File struct {
	StateDir  string `yaml:"state_dir"`
	TokenFile string `yaml:"token_file"`
	TUN       string `yaml:"tun"`
	MTU       int    `yaml:"mtu"`
	Mark      uint32 `yaml:"mark"`
	LAN       string `yaml:"lan"`
	LogLevel  string `yaml:"log_level"`
}

// LoadFile reads the file path strictly: unknown keys are errors with their lines.
func LoadFile(path string) (File, error) {
	var f File
	return f, conf.Load(path, &f)
}

// Config returns what f configures, without the node: its token file and log level are the
// caller's. The device has an IPv6 address, too, hence the least MTU.
func (f *File) Config() (Config, error) {
	if err := errors.Join(conf.CheckPath("client", "state_dir", f.StateDir), conf.CheckPath("client", "token_file", f.TokenFile)); err != nil {
		return Config{}, err
	}
	if err := tun.CheckName(f.TUN); err != nil {
		return Config{}, conf.BadField("client", "tun", err.Error(), "leave it out for "+DefaultTUN)
	}
	if f.MTU != 0 && (f.MTU < packet.MinMTU6 || f.MTU > tun.MaxMTU) {
		return Config{}, conf.BadField("client", "mtu",
			fmt.Sprintf("%d is not within %d to %d", f.MTU, packet.MinMTU6, tun.MaxMTU),
			fmt.Sprintf("leave it out for %d", DefaultMTU))
	}
	if f.LAN != "" && f.LAN != LANAllow && f.LAN != LANDeny {
		return Config{}, conf.BadField("client", "lan", fmt.Sprintf("%q is neither %s nor %s", f.LAN, LANAllow, LANDeny),
			"leave it out for "+LANAllow)
	}
	return Config{StateDir: f.StateDir, TUN: f.TUN, MTU: f.MTU, Mark: f.Mark, LAN: f.LAN}, nil
}
