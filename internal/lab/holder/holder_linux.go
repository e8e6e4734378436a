package holder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/lab"
)

// leaseFD is the descriptor on which a new holder finds its lease: the
// connection to whoever started it.
const leaseFD = 3

// holder owns a lab. Its process is PID 1 of the lab: when it ends, for any
// reason, everything ends.
type holder struct {
	charter  lab.Charter
	lease    *lab.Conn
	listener *net.UnixListener
	started  time.Time
	ready    atomic.Int64 // nanoseconds from start, 0 until then
	network  *network
	spawn    *spawner
	cast     *cast
}

// Run is the hidden command `lab holder`. It returns an error if the
// process is not what [Up] makes of it; otherwise the process ends with the lab.
func Run(ctx context.Context) error {
	if os.Getpid() != 1 {
		return errors.New("lab holder: started by `oneping lab up`, never by hand")
	}
	catchSignals()
	lease, err := lab.FileConn(os.NewFile(leaseFD, "lease"))
	if err != nil {
		return fmt.Errorf("lab holder: find lease: %w", err)
	}
	h := &holder{lease: lease, started: time.Now()}
	if _, err := lease.Receive(&h.charter); err != nil {
		return fmt.Errorf("lab holder: read charter: %w", err)
	}
	go h.watchLease()
	if err := h.open(ctx); err != nil {
		return h.report(err)
	}
	if err := h.lease.Send(lab.Reply{Ready: true}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// catchSignals keeps a terminal or a nohup of the starter from deciding about
// the lab. Caught, unlike ignored, is not inherited: what runs in the lab starts with
// the defaults.
func catchSignals() {
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGQUIT, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2)
}

// watchLease ends the lab when its starter is gone before it has let go.
func (h *holder) watchLease() {
	var word lab.Detach
	if _, err := h.lease.Receive(&word); err != nil || !word.Detach {
		os.Exit(1)
	}
}

// report tells the starter why there is no lab.
func (h *holder) report(err error) error {
	return errors.Join(err, h.lease.Send(lab.Failure(err)))
}

func (h *holder) progress(step string) {
	// A starter that has gone away is noticed by watchLease.
	_ = h.lease.Send(lab.Reply{Progress: step})
}

// open brings the lab up: socket first, because its name is the lock.
func (h *holder) open(ctx context.Context) error {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: h.charter.Socket})
	if errors.Is(err, unix.EADDRINUSE) {
		return lab.NameTaken(h.charter.Options.Name)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", h.charter.Socket, err)
	}
	h.listener = listener
	if err := h.build(); err != nil {
		return lab.ExplainDenied(err, !h.charter.Rootless)
	}
	go h.accept(ctx)
	if !h.charter.Options.Bare && !h.charter.Options.Plain {
		if err := h.cast.start(ctx); err != nil {
			return err
		}
	}
	h.ready.Store(int64(time.Since(h.started)))
	return nil
}

// build makes root, namespaces, links and directories.
func (h *holder) build() error {
	h.progress("namespaces")
	topology, err := lab.Classic(h.charter.Options)
	if err != nil {
		return err
	}
	binary, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("open own program: %w", err)
	}
	defer binary.Close()
	if err := buildRoot(); err != nil {
		return err
	}
	if err := furnish(topology, binary); err != nil {
		return err
	}
	if err := redirectStderr(lab.LogPath("holder")); err != nil {
		return err
	}
	if h.network, err = buildNetwork(topology); err != nil {
		return err
	}
	r := newReaper()
	go r.run()
	if h.spawn, err = newSpawner(r); err != nil {
		return err
	}
	if err := h.startLinks(); err != nil {
		return err
	}
	h.cast, err = newCast(h.charter, h.network, h.spawn, os.Environ(), h.progress)
	return err
}

// redirectStderr sends what the runtime may say to a log of the lab; until
// then it goes to the starter.
func redirectStderr(path string) error {
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := unix.Dup3(int(log.Fd()), 2, 0); err != nil {
		return fmt.Errorf("redirect log: %w", err)
	}
	return nil
}

// startLinks starts a process for each shaped link and lets go of its devices:
// they vanish with it.
func (h *holder) startLinks() error {
	for i, link := range h.network.topology.Links {
		cable, ok := h.network.cables[link.Name()]
		if !ok {
			continue
		}
		if err := h.startLink(link, h.charter.Options.Seed+uint64(i), cable); err != nil {
			return err
		}
	}
	return nil
}

func (h *holder) startLink(link lab.Link, seed uint64, cable [2]*os.File) error {
	defer lab.CloseAll(cable[:])
	log, err := os.OpenFile(lab.LogPath(link.Name()), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	_, _, err = h.spawn.start(h.network.spaces[link.A.Node], command{
		argv:  []string{"oneping", "lab", "link", "--seed", fmt.Sprint(seed), "--shape", link.Shape.String()},
		dir:   "/",
		env:   nodeEnv(os.Environ(), h.charter.Options.Name, link.A.Node),
		files: [3]*os.File{nil, log, log},
		extra: cable[:],
	})
	if err != nil {
		return fmt.Errorf("start link %s: %w", link.Name(), err)
	}
	return nil
}
