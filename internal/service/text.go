package service

import (
	"embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/oneping/oneping/proto"
)

//go:embed linux
var texts embed.FS

// packaged is the program that the shipped units run.
const packaged = "/usr/bin/oneping"

// SysctlFile opens ping sockets to Group. It is read before 50-default.conf, so that a
// distribution which opens them to everyone is not narrowed.
const SysctlFile = "/etc/sysctl.d/49-oneping.conf"

// Group is the group that services run in and that may ask them for their status.
const Group = "oneping"

// written marks the files that install has made.
const written = "# Written by \"oneping %s service install\", removed by uninstall.\n"

func text(name string) string {
	b, err := texts.ReadFile("linux/" + name)
	if err != nil { // every name is a constant of this package: TestTexts reads them all
		return ""
	}
	return string(b)
}

// Unit returns the systemd unit of a role that runs executable.
func Unit(role proto.Role, executable string) string {
	return strings.Replace(text(Name(role)+".service"), "ExecStart="+packaged+" ", "ExecStart="+quote(executable)+" ", 1)
}

// quote writes a path as one word of ExecStart= (systemd.service(5), systemd.syntax(7)).
func quote(path string) string {
	path = strings.NewReplacer("%", "%%", "$", "$$").Replace(path)
	if strings.ContainsAny(path, " \t\"'\\;") {
		return strconv.Quote(path)
	}
	return path
}

// Sample returns the configuration file that changes nothing and explains every key.
func Sample(role proto.Role) string { return text(string(role) + ".yaml") }

// sysctlText returns the drop-in that opens ping sockets to one group.
func sysctlText(gid int) string {
	return strings.ReplaceAll(text("49-oneping.conf"), "@GID@", fmt.Sprint(gid))
}
