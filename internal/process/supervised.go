package process

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// What systemd tells a service about itself (systemd.exec(5)). A directory counts
// only where it is named after the role: oneping may also run inside a service
// that is somebody else's, a CI runner's for one.
const (
	stateVariable      = "STATE_DIRECTORY"       // StateDirectory=oneping/ROLE
	runtimeVariable    = "RUNTIME_DIRECTORY"     // RuntimeDirectory=oneping/ROLE
	credentialVariable = "CREDENTIALS_DIRECTORY" // LoadCredential=oneping-token:…
)

// Credential is the name under which a service's unit passes a token.
const Credential = "oneping-token"

// runtimeRoot is where RuntimeDirectory= is for services of the system.
const runtimeRoot = "/run/oneping"

// supervised returns the directory that systemd made for this role, "" where it made none.
func supervised(variable string, role proto.Role) string {
	dir := os.Getenv(variable)
	if !filepath.IsAbs(dir) || !strings.HasSuffix(dir, "/oneping/"+string(role)) {
		return ""
	}
	return dir
}

// Socket returns the path of the local socket that a role with this state
// directory listens on: in the runtime directory where systemd made one (the state
// of a service with DynamicUser= is closed to everyone else), else in the state directory.
func Socket(role proto.Role, stateDir string) string {
	if dir := supervised(runtimeVariable, role); dir != "" {
		return local.Socket(dir)
	}
	return local.Socket(stateDir)
}

// FindSocket returns the socket of the role that runs on this machine, for who
// wants to ask it: in stateDir where that is not empty; else in the default state
// directory of this user, else that of the machine's service; in either way the one in
// memory where that directory cannot be written. Where there is none it is the first, so that
// an error names it.
func FindSocket(role proto.Role, stateDir string) string {
	if stateDir != "" {
		return findSocket(local.Socket(stateDir), memorySocket(role, stateDir))
	}
	service := local.Socket(filepath.Join(runtimeRoot, string(role)))
	if dir := StateDir(role); dir != "" {
		return findSocket(local.Socket(dir), memorySocket(role, dir), service)
	}
	return service // this user has no home, and no directory of his own
}

// findSocket returns the first that a process serves, or the first that is there: a killed one
// leaves its own behind; or the first; "" is none.
func findSocket(sockets ...string) string {
	for _, path := range sockets {
		if _, ok := local.Serving(path); path != "" && ok {
			return path
		}
	}
	for _, path := range sockets {
		if _, err := os.Stat(path); path != "" && err == nil {
			return path
		}
	}
	return sockets[0]
}

// noToken is what a unit passes where there is no token (SetCredential=oneping-token:none, the fallback of
// LoadCredential=): a missing file would keep the service from starting, and an empty word is no fallback.
const noToken = "none"

// credential returns the path of the token that systemd passed, "" where it passed none.
func credential() string {
	dir := os.Getenv(credentialVariable)
	if !filepath.IsAbs(dir) {
		return ""
	}
	path := filepath.Join(dir, Credential)
	if b, err := os.ReadFile(path); err != nil || string(b) == noToken {
		return ""
	}
	return path
}
