package lab

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/advice"
)

// What the holder is asked to do; one request a connection.
const (
	OpStatus = "status"
	OpExec   = "exec"
	OpStop   = "stop"
	OpStart  = "start"
	OpDown   = "down"
)

// Request opens a connection to the holder. An exec carries three descriptors:
// standard input, output and error.
type Request struct {
	Op   string `json:"op"`
	Node string `json:"node,omitempty"`
	Kill bool   `json:"kill,omitempty"`

	Argv []string `json:"argv,omitempty"`
	Dir  string   `json:"dir,omitempty"`
	Env  []string `json:"env,omitempty"`
	// Terminal says which of the three are to be a fresh terminal instead.
	Terminal [3]bool `json:"terminal,omitzero"`
	Rows     uint16  `json:"rows,omitempty"`
	Cols     uint16  `json:"cols,omitempty"`
}

// WantsTerminal says whether a terminal is to be made.
func (r *Request) WantsTerminal() bool { return r.Terminal != [3]bool{} }

// Signal follows an exec on its connection, any number of times.
type Signal struct {
	Signal int `json:"signal"`
}

// Reply answers a request. An exec is answered twice: when the command has
// started, with the terminal's descriptor if it has one, and when it has ended. One that cannot be
// started has an error and the exit code of a shell for it.
type Reply struct {
	Error  string  `json:"error,omitempty"`
	Hint   string  `json:"hint,omitempty"`
	Status *Status `json:"status,omitempty"`
	Exit   *int    `json:"exit,omitempty"`
	// Progress and Ready are what a starting holder reports on its lease.
	Progress string `json:"progress,omitempty"`
	Ready    bool   `json:"ready,omitempty"`
}

// Failure is the answer that carries err and what to do about it.
func Failure(err error) Reply { return Reply{Error: err.Error(), Hint: advice.Of(err)} }

// Err returns the failure that r carries, nil where it carries none.
func (r *Reply) Err() error {
	if r.Error == "" {
		return nil
	}
	err := error(&advice.Error{Text: r.Error, Advice: r.Hint})
	if r.Exit != nil {
		return &NotStartedError{Code: *r.Exit, Cause: err}
	}
	return err
}

// Charter is what a new holder is told on its lease.
type Charter struct {
	Options Options `json:"options"`
	Socket  string  `json:"socket"`
	// Rootless: the holder is the only user there is, root in a user namespace.
	Rootless bool `json:"rootless"`
}

// Detach is the starter's word that the lab may outlive it.
type Detach struct {
	Detach bool `json:"detach"`
}

// Status is a lab as `lab status` shows it.
type Status struct {
	Name     string        `json:"name"`
	Holder   int           `json:"holder_pid"` // as the caller numbers it
	Rootless bool          `json:"rootless"`
	Started  time.Time     `json:"started"`
	Ready    time.Duration `json:"ready_after_ns"` // how long it took to start
	Dir      string        `json:"dir"`            // inside the lab
	Nodes    []NodeStatus  `json:"nodes"`
	Links    []LinkStatus  `json:"links"`
	// Target is what to ping and to trace from the laptop: the server.
	Target netip.Addr `json:"target,omitzero"`
}

// NodeStatus is one node.
type NodeStatus struct {
	Name    string         `json:"name"`
	Kind    Kind           `json:"kind"`
	User    string         `json:"user,omitempty"`
	State   State          `json:"state"`
	Devices []DeviceStatus `json:"devices"`
	// Of the role's process; PID is inside the lab.
	Role  string `json:"role,omitempty"`
	PID   int    `json:"pid,omitempty"`
	Ready bool   `json:"ready"`
	// Linked says of a node with a link to the edge whether that stands now; nil where there is none to
	// have, or the role does not answer.
	Linked   *bool     `json:"linked,omitempty"`
	Since    time.Time `json:"since,omitzero"` // start or end of the process
	ExitCode *int      `json:"exit_code,omitempty"`
	StateDir string    `json:"state_dir,omitempty"`
}

// DeviceStatus is one end of a link as configured.
type DeviceStatus struct {
	Name  string         `json:"name"`
	Peer  string         `json:"peer"`
	Addrs []netip.Prefix `json:"addresses"`
}

// LinkStatus is a link that is not plain.
type LinkStatus struct {
	Name  string `json:"name"`
	Shape Shape  `json:"shape"`
}

// State of a node.
type State string

// The states of a node.
const (
	StateUp      State = "up"      // no role, links up
	StateDown    State = "down"    // links taken down
	StateRunning State = "running" // role process runs
	StateStopped State = "stopped" // role stopped on request
	StateExited  State = "exited"  // role ended by itself
	StateBare    State = "bare"    // a role's node whose role was never started
)
