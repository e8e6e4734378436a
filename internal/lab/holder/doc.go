// Package holder is the process that owns a lab: it makes namespaces, links and the processes in
// them, and answers what callers ask. See the package lab for what a lab is.
//
// The holder keeps one locked thread in each namespace of the lab (a thread
// that has left the host's network cannot return without privilege); whatever must
// happen in a node, from setting an address to starting a process, is done by
// that node's thread. [lab.Exec] hands its standard streams to the holder as
// descriptors, so that the holder never touches a byte of them.
//
// The roles are processes of the same binary (cast_linux.go); they report readiness by the
// sd_notify protocol and are never polled.
//
// What a lab consists of is not decided here: that is lab.Classic.
package holder
