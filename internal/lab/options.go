package lab

import (
	"fmt"
	"regexp"
)

// DefaultName is the name of a lab that was given none.
const DefaultName = "default"

// Limits of a lab; the addresses of [Classic] have room for this many.
const (
	MaxLaptops = 14
	MaxHosts   = 100
	MaxRouters = 8
)

// Options say what a lab consists of. The zero value, after Validate, is the
// classic example: one laptop, edge, connector, server.
type Options struct {
	// Name tells labs of one user apart: letters, digits, '-' and '_'.
	Name string
	// Laptops counts the laptops: laptop, laptop2, … each with its own user.
	Laptops int
	// Hosts counts the hosts of the private subnet: server, host2, ….
	Hosts int
	// Router puts a Linux router between the laptops and the edge.
	Router bool
	// SecondUplink gives each laptop a second link to the edge, as by Wi-Fi beside a cable.
	SecondUplink bool
	// Routers counts the Linux routers between connector and server: r1, r2, ….
	Routers int
	// Plain puts Linux routers where edge and connector are: the same row of
	// hops, with the same addresses, and nothing of oneping in it.
	Plain bool
	// Links override properties of links (see ParseLink).
	Links []LinkOption
	// Seed makes the losses and jitters of shaped links repeatable.
	Seed uint64
	// Unreachable is the edge's way to refuse: "answer" (default) or "silent".
	Unreachable string
	// Policy is the text of a policy file that replaces the lab's own.
	Policy string
	// NoPolicy applies no policy at all: everything is denied.
	NoPolicy bool
	// Raw starts the connector with CAP_NET_RAW alone and closes ping sockets to it, as a
	// container with Docker's default capabilities may have it: it uses raw sockets.
	Raw bool
	// Bare starts no role: namespaces, links and addresses only.
	Bare bool
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// Validate fills in defaults and reports the first option that cannot be.
func (o *Options) Validate() error {
	if o.Name == "" {
		o.Name = DefaultName
	}
	if o.Laptops == 0 {
		o.Laptops = 1
	}
	if o.Hosts == 0 {
		o.Hosts = 1
	}
	if o.Unreachable == "" {
		o.Unreachable = "answer"
	}
	switch {
	case !namePattern.MatchString(o.Name):
		return fmt.Errorf("name %q: want 1 to 32 letters, digits, '-' or '_'", o.Name)
	case o.Laptops < 1 || o.Laptops > MaxLaptops:
		return fmt.Errorf("laptops %d: want 1 to %d", o.Laptops, MaxLaptops)
	case o.Hosts < 1 || o.Hosts > MaxHosts:
		return fmt.Errorf("hosts %d: want 1 to %d", o.Hosts, MaxHosts)
	case o.Routers < 0 || o.Routers > MaxRouters:
		return fmt.Errorf("routers %d: want 0 to %d", o.Routers, MaxRouters)
	case o.Plain && (o.Bare || o.NoPolicy || o.Policy != ""):
		return fmt.Errorf("plain: nothing of oneping runs there, neither bare nor with a policy")
	case o.Plain && o.Raw:
		return fmt.Errorf("raw: there is no connector where nothing of oneping runs")
	case o.Plain && o.SecondUplink:
		return fmt.Errorf("second uplink: not where nothing of oneping runs")
	case o.Unreachable != "answer" && o.Unreachable != "silent":
		return fmt.Errorf("unreachable %q: want answer or silent", o.Unreachable)
	case o.NoPolicy && o.Policy != "":
		return fmt.Errorf("policy: give a policy or none, not both")
	}
	_, err := Classic(*o)
	return err
}
