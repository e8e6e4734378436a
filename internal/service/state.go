package service

import "time"

// Activity is what a service does now.
type Activity string

// What a service may do.
const (
	Running  Activity = "running"
	Starting Activity = "starting" // also: it ended and is about to be started again
	Stopped  Activity = "stopped"
	Failed   Activity = "failed" // it ended and is not started again
)

// State is what this machine's service manager says of the service of a role.
type State struct {
	Name      string   `json:"name"`
	Installed bool     `json:"installed"` // the manager knows it: a package may have brought it
	AtBoot    bool     `json:"at_boot"`   // somebody has chosen to have it
	Activity  Activity `json:"activity,omitempty"`
	Ended     string   `json:"ended,omitempty"` // how it ended the last time, where that was no stop
	// Restarts is how often the manager has started it again since somebody started it; 0 also where
	// the manager does not count.
	Restarts int `json:"restarts,omitempty"`
	// Back is when a service that was stopped for a while is started again; zero: it is not.
	Back time.Time `json:"back,omitzero"`
}

// Chosen says that somebody has made the role a service of this machine: a package brings the units
// of all three roles, of which most machines use one.
func (s *State) Chosen() bool {
	return s.Installed && (s.AtBoot || s.Activity != Stopped)
}
