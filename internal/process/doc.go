// Package process is what every role process shares, whatever the role does: its
// state directory and the lock on it, the local socket, the files of secrets, how
// a token is read, what systemd passes and wants to hear, and its descriptor
// limit. Who a node is, and its link, are package node's.
package process
