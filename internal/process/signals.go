package process

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"sync"
	"syscall"
)

// UntilStopped returns a context that ends when this process is told to stop: by SIGINT, SIGTERM,
// or SIGHUP, which is what a closed terminal and a dropped ssh session send. A SIGHUP that was
// ignored when the process began stays ignored: that is what nohup(1) is for. (A SIGINT does not:
// a script's "role &" ignores it, and scripts end roles with it.)
//
// A write to a pipe that nobody reads any more is an error of that write (EPIPE) from now on and no
// longer the end of the process, which is Go's way for standard output and error: what a role
// has changed on its host must be undone by whoever changed it. The signal is received, not
// ignored, so that programs which this process starts still get it.
func UntilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	stops := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		stops = append(stops, syscall.SIGHUP)
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	return signal.NotifyContext(ctx, stops...)
}

// UntilQuit returns a context that ends, too, at SIGQUIT (Ctrl-\). Then the stacks of all
// goroutines are written to out, for who wonders what the process does; a second SIGQUIT ends the
// process at once, as Go does it. cancel waits for what is being written.
func UntilQuit(ctx context.Context, out io.Writer) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if signal.Ignored(syscall.SIGQUIT) {
		return ctx, cancel
	}
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		defer signal.Reset(syscall.SIGQUIT)
		select {
		case <-ctx.Done():
		case <-quit:
			signal.Reset(syscall.SIGQUIT)
			cancel() // first: out may be a pipe that nobody reads
			_ = pprof.Lookup("goroutine").WriteTo(out, 2)
		}
	})
	return ctx, func() {
		cancel()
		waiting.Wait()
	}
}
