// Package model is what an edge is told to be, as plain data: tunnels with their connectors, routes,
// devices, tokens, the policy document, and the Snapshot that holds all of it at one moment.
//
// It is what the store stores, what routes and grants are compiled from, and what the
// administration shows. It knows neither the store nor the wire nor the command line: what
// needs I/O, a clock or a lock belongs elsewhere.
package model
