// Package node is this machine's identity as a client or connector: its key,
// which never leaves it, its certificate, how it enrols with a token and how it
// renews. It also holds the small conventions of every role process: where its
// state lives, how a token is read, how it tells its supervisor that it is
// ready.
package node
