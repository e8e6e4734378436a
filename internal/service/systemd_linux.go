package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/proto"
)

// Where systemd keeps things. Units of packages lie in unitDir, those of install in ownUnitDir,
// which wins.
const (
	booted     = "/run/systemd/system" // exists where systemd runs the host: sd_booted(3)
	unitDir    = "/usr/lib/systemd/system"
	ownUnitDir = "/etc/systemd/system"
	sysusers   = "/etc/sysusers.d/oneping.conf" // its presence says that install has made the group
	pingRange  = "/proc/sys/net/ipv4/ping_group_range"
)

// systemd installs units.
type systemd struct {
	cfg  Config
	host *host
}

func (s *systemd) unit() string    { return Name(s.cfg.Role) + ".service" }
func (s *systemd) ownUnit() string { return path.Join(ownUnitDir, s.unit()) }
func (s *systemd) config() string  { return conf.Default(string(s.cfg.Role)) }

// fromPackage says that a package has brought the unit, the group and the configuration file.
func (s *systemd) fromPackage() bool { return s.host.exists(path.Join(unitDir, s.unit())) }

func (s *systemd) check() error {
	if s.host.exists(booted) || s.host.dry {
		return nil
	}
	return &advice.Error{
		Text:   "systemd does not run this host",
		Advice: fmt.Sprintf("let the supervisor that does run: oneping %s run; --dry-run shows the unit", s.cfg.Role),
	}
}

// hidden are places that the units keep from the service, or that it has its own of.
var hidden = []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"}

// checkProgram refuses a program that the service could not start.
func (s *systemd) checkProgram(context.Context) error {
	for _, dir := range hidden {
		if strings.HasPrefix(s.cfg.Executable, dir) && !s.fromPackage() {
			return &advice.Error{
				Text:   "the service does not see " + s.cfg.Executable + ": " + strings.TrimSuffix(dir, "/") + " is hidden from it",
				Advice: fmt.Sprintf("sudo install %s /usr/local/bin/oneping, then sudo /usr/local/bin/oneping %s service install", s.cfg.Executable, s.cfg.Role),
			}
		}
	}
	return nil
}

// steps runs one after the other until one fails.
func steps(ctx context.Context, each ...func(context.Context) error) error {
	for _, step := range each {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *systemd) install(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	return steps(ctx, s.checkProgram, s.installGroup, s.installFiles, s.openPing, s.start)
}

// installGroup makes the group by systemd-sysusers(8).
func (s *systemd) installGroup(ctx context.Context) error {
	if _, ok := s.gid(); ok {
		return nil
	}
	text := fmt.Sprintf(written, s.cfg.Role) + text("sysusers.conf")
	if err := s.host.write(sysusers, text, 0o644); err != nil {
		return err
	}
	return s.host.do(ctx, "systemd-sysusers", sysusers)
}

// installFiles writes the configuration file where there is none, the token where one was given,
// and the unit.
func (s *systemd) installFiles(context.Context) error {
	if !s.host.exists(s.config()) {
		if err := s.host.write(s.config(), Sample(s.cfg.Role), 0o644); err != nil {
			return err
		}
	}
	if s.cfg.Token != "" {
		if err := s.host.write(TokenPath(s.cfg.Role), strings.TrimSpace(s.cfg.Token)+"\n", 0o600); err != nil {
			return err
		}
	}
	if s.fromPackage() {
		return nil
	}
	return s.host.write(s.ownUnit(), fmt.Sprintf(written, s.cfg.Role)+Unit(s.cfg.Role, s.cfg.Executable), 0o644)
}

// openPing opens ping sockets to the group where they are closed to everyone (the kernel's default,
// an empty range). Any other range is an administrator's word and stays.
func (s *systemd) openPing(ctx context.Context) error {
	if s.cfg.Role != proto.RoleConnector {
		return nil
	}
	gid, ok := s.gid()
	if !ok { // a dry run has made no group
		s.host.say("write   %s (mode 0644)\n%s", SysctlFile, indent(text("49-oneping.conf")))
		return nil
	}
	low, high := s.pingRange()
	switch {
	case low <= gid && gid <= high:
		s.host.say("keep    ping sockets: the group %s (%d) is in net.ipv4.ping_group_range = %d %d", Group, gid, low, high)
		return nil
	case low <= high:
		s.host.say("warn    net.ipv4.ping_group_range = %d %d was set without the group %s (%d): no ICMP until you include it", low, high, Group, gid)
		return nil
	}
	if err := s.host.write(SysctlFile, sysctlText(gid), 0o644); err != nil {
		return err
	}
	return s.setPingRange(gid, gid)
}

// setPingRange writes what a reboot would read from the drop-in.
func (s *systemd) setPingRange(low, high int) error {
	s.host.say("set     net.ipv4.ping_group_range = %d %d", low, high)
	if s.host.dry {
		return nil
	}
	return os.WriteFile(s.host.path(pingRange), fmt.Appendf(nil, "%d %d\n", low, high), 0o644) // in place: the kernel takes no other file
}

// pingRange returns the groups that may open ping sockets; low > high is nobody.
func (s *systemd) pingRange() (low, high int) {
	if _, err := fmt.Sscan(s.host.read(pingRange), &low, &high); err != nil {
		return 1, 0
	}
	return low, high
}

// gid looks the group up in /etc/group.
func (s *systemd) gid() (int, bool) {
	for line := range strings.Lines(s.host.read("/etc/group")) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[0] == Group {
			gid, err := strconv.Atoi(f[2])
			return gid, err == nil
		}
	}
	return 0, false
}

// start enables and starts the service, and starts it again where something has changed.
func (s *systemd) start(ctx context.Context) error {
	verb := "start"
	if s.host.changed {
		verb = "restart"
		if err := s.host.do(ctx, "systemctl", "daemon-reload"); err != nil {
			return err
		}
	}
	if err := s.host.do(ctx, "systemctl", "enable", s.unit()); err != nil {
		return err
	}
	if err := s.host.do(ctx, "systemctl", verb, s.unit()); err != nil {
		return &advice.Error{Text: err.Error(), Advice: "journalctl -u " + s.unit() + " -n 20 says why", Cause: err}
	}
	return nil
}

func (s *systemd) uninstall(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	if s.fromPackage() || s.host.exists(s.ownUnit()) {
		if err := s.host.do(ctx, "systemctl", "disable", "--now", s.unit()); err != nil {
			return err
		}
	}
	if err := steps(ctx, s.removeFiles, s.closePing, s.removeGroup); err != nil {
		return err
	}
	if !s.host.changed && !s.fromPackage() {
		s.host.say("keep    everything: %s is not installed", s.unit())
		return nil
	}
	s.host.say("keep    /var/lib/private/oneping/%s: who this %s is; the next install needs no token", s.cfg.Role, s.cfg.Role)
	return nil
}

func (s *systemd) removeFiles(ctx context.Context) error {
	if err := s.host.remove(TokenPath(s.cfg.Role)); err != nil {
		return err
	}
	if s.fromPackage() {
		return nil
	}
	if err := s.host.removeUnchanged(s.config(), Sample(s.cfg.Role)); err != nil {
		return err
	}
	if err := s.host.remove(s.ownUnit()); err != nil {
		return err
	}
	if err := s.host.removeEmpty(conf.Dir()); err != nil {
		return err
	}
	if !s.host.changed {
		return nil
	}
	return s.host.do(ctx, "systemctl", "daemon-reload")
}

// closePing undoes openPing: the range that it has set was empty before.
func (s *systemd) closePing(context.Context) error {
	gid, ok := s.gid()
	if s.cfg.Role != proto.RoleConnector || s.fromPackage() || !ok || !s.host.exists(SysctlFile) {
		return nil
	}
	if err := s.host.removeUnchanged(SysctlFile, sysctlText(gid)); err != nil {
		return err
	}
	if low, high := s.pingRange(); low == gid && high == gid {
		return s.setPingRange(1, 0)
	}
	return nil
}

// removeGroup removes the group that install has made, with the last service.
func (s *systemd) removeGroup(ctx context.Context) error {
	if !s.host.exists(sysusers) {
		return nil
	}
	for _, role := range []proto.Role{proto.RoleClient, proto.RoleConnector, proto.RoleEdge} {
		if role != s.cfg.Role && s.host.exists(path.Join(ownUnitDir, Name(role)+".service")) {
			return nil
		}
	}
	if err := errors.Join(s.host.remove(sysusers), s.host.removeEmpty(path.Dir(sysusers))); err != nil {
		return err
	}
	return s.host.do(ctx, "groupdel", Group)
}
