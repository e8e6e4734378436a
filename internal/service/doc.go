// Package service makes a role a service of this machine: a hardened systemd unit
// on Linux, launchd on macOS, the service manager on Windows. The texts below
// linux/ are the only ones in the tree: the packages of scripts/release.sh ship the
// same files.
//
// Install and Uninstall say each thing that they do, do only what is not done
// already, and undo exactly what the other did.
package service

import (
	"cmp"
	"io"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/proto"
)

// Config says which service.
type Config struct {
	Role proto.Role
	// Executable is the absolute path of the program that the service runs.
	Executable string
	// Token is what the role enrols with, as text; "" = none, or one that is there already.
	Token string
	// DryRun says what would be done, and does nothing.
	DryRun bool
	Out    io.Writer // one line for each thing that is done
}

// Name is the name of a role's service.
func Name(role proto.Role) string { return "oneping-" + string(role) }

// TokenPath is where a role's service finds its token.
func TokenPath(role proto.Role) string { return conf.Token(string(role)) }

// explain gives an error of the system a text and, where it is about rights, a hint.
func explain(text string, err error, denied string) error {
	if !isDenied(err) {
		denied = ""
	}
	return &advice.Error{Text: text + ": " + err.Error(), Advice: cmp.Or(advice.Of(err), denied), Cause: err}
}
