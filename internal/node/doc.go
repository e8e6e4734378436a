// Package node is this machine's identity as a client or connector: its key,
// which never leaves it, its certificate, how it enrols with a token and how it
// renews. What every role process needs is package process's.
package node
