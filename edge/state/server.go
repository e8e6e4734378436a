package state

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// embedded is a NATS server inside this process that listens nowhere.
type embedded struct {
	srv *server.Server
}

// natsDir is where the embedded server has its files, below the edge's state directory.
const natsDir = "nats"

// startTimeout bounds the start of the embedded server; 10 ms is usual, but a
// large store after a crash is read through first.
const startTimeout = time.Minute

// openTimeout bounds one question to the embedded server, which takes a millisecond. A damaged number
// of a record can keep it busy for ever, with every lock held.
const openTimeout = 8 * time.Second

// slowStart is after which it is said that a start takes its time.
const slowStart = 2 * time.Second

// startEmbedded returns a server that is ready. One that does not come up is left to itself: what
// hangs would hang its end, too, and this process ends.
func startEmbedded(ctx context.Context, dir string, log *zap.Logger) (*embedded, error) {
	path := filepath.Join(dir, natsDir)
	srv, err := server.NewServer(&server.Options{
		ServerName:             "oneping-edge",
		DontListen:             true,
		JetStream:              true,
		StoreDir:               path,
		SyncAlways:             true, // an acknowledged change survives kill -9 and a power cut
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      8 << 30,
		NoSigs:                 true, // signals belong to main
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up embedded store: %w", err)
	}
	fatal, up := make(chan string, 8), make(chan bool, 1)
	srv.SetLoggerV2(&serverLog{log.Named("nats").Sugar(), fatal}, false, false, false)
	go func() {
		srv.Start()
		up <- srv.ReadyForConnections(startTimeout)
	}()
	slow, late := time.NewTimer(slowStart), time.NewTimer(startTimeout+slowStart)
	defer slow.Stop()
	defer late.Stop()
	for {
		select {
		case ok := <-up:
			if ok {
				return &embedded{srv: srv}, nil
			}
			return nil, fmt.Errorf("open store: %s: it is not ready after %s", path, startTimeout)
		case why := <-fatal:
			srv.Shutdown() // it does not hang: the store may be opened again
			srv.WaitForShutdown()
			return nil, fmt.Errorf("open store: %s: %s", path, why)
		case <-slow.C:
			log.Info("the store takes long to start: it reads its files through", zap.String("directory", path))
		case <-late.C:
			return nil, fmt.Errorf("open store: %s: it does not start; nothing came for %s", path, startTimeout)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// connect opens a connection that never leaves the process.
func (e *embedded) connect() (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(e.srv), nats.Name("oneping edge"), nats.Timeout(startTimeout))
}

// fault returns what keeps JetStream from writing: it refuses everything once a write has failed.
func (e *embedded) fault() error {
	h := e.srv.Healthz(&server.HealthzOptions{})
	if h.Error == "" {
		return nil
	}
	return errors.New(h.Error)
}

// stop waits until the files are closed: leaving earlier can damage them.
func (e *embedded) stop() {
	e.srv.Shutdown()
	e.srv.WaitForShutdown()
}

// serverLog hands what the embedded server says to our log: its notices are
// details to us, its fatal errors end a start and come back as errors as well.
type serverLog struct {
	log   *zap.SugaredLogger
	fatal chan<- string // what ends the start; full is as good as one
}

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debugf(format, v...) }
func (l *serverLog) Warnf(format string, v ...any)   { l.log.Warnf(format, v...) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log.Errorf(format, v...) }
func (l *serverLog) Debugf(format string, v ...any)  { l.log.Debugf(format, v...) }
func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
func (l *serverLog) Tracef(format string, v ...any) { l.log.Debugf(format, v...) }
