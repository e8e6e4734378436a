// Package local is the local API of a role process: HTTP with JSON bodies over
// the Unix socket in its state directory. The command line is its client.
//
// Everyone who may open the socket may read (GET, HEAD): its owner, and, where there is a
// group "oneping" and the owner may give it to that, the members; any other method is for
// root and for the user that the process runs as. An error crosses as {"error": …,
// "hint": …} and comes out of Get, Post, Put and Delete as *StatusError.
package local

import "path/filepath"

// SocketName is the file name of the socket inside a state directory.
const SocketName = "oneping.sock"

// Socket returns the path of the socket in a state directory.
func Socket(stateDir string) string { return filepath.Join(stateDir, SocketName) }
