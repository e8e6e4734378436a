// Package compose runs docker-compose.yml: with an engine of its own it builds
// the images, brings the stack up as docs/containers.md says and asks the network from the
// laptop's container with ping, traceroute, curl and dig.
//
// It needs root, docker.io, docker-compose and debootstrap of Debian. The engine
// lives in namespaces of its own (engine.sh): whatever it does to addresses,
// routes, firewall, settings and mounts is gone with it, and an engine that runs
// on the machine already is not touched. Its images stay, as a cache, below
// $XDG_CACHE_HOME/oneping.
package compose
