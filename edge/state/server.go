package state

import (
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

func startEmbedded(dir string, log *zap.Logger) (*embedded, error) {
	srv, err := server.NewServer(&server.Options{
		ServerName:             "oneping-edge",
		DontListen:             true,
		JetStream:              true,
		StoreDir:               filepath.Join(dir, natsDir),
		SyncAlways:             true, // an acknowledged change survives kill -9 and a power cut
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      8 << 30,
		NoSigs:                 true, // signals belong to main
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up embedded store: %w", err)
	}
	srv.SetLoggerV2(&serverLog{log.Named("nats").Sugar()}, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, errors.New("start embedded store: not ready after " + startTimeout.String())
	}
	return &embedded{srv: srv}, nil
}

// connect opens a connection that never leaves the process.
func (e *embedded) connect() (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(e.srv), nats.Name("oneping edge"))
}

// stop waits until the files are closed: leaving earlier can damage them.
func (e *embedded) stop() {
	e.srv.Shutdown()
	e.srv.WaitForShutdown()
}

// serverLog hands what the embedded server says to our log: its notices are
// details to us, its fatal errors end a start and come back as errors as well.
type serverLog struct{ log *zap.SugaredLogger }

func (l *serverLog) Noticef(format string, v ...any) { l.log.Debugf(format, v...) }
func (l *serverLog) Warnf(format string, v ...any)   { l.log.Warnf(format, v...) }
func (l *serverLog) Fatalf(format string, v ...any)  { l.log.Errorf(format, v...) }
func (l *serverLog) Errorf(format string, v ...any)  { l.log.Errorf(format, v...) }
func (l *serverLog) Debugf(format string, v ...any)  { l.log.Debugf(format, v...) }
func (l *serverLog) Tracef(format string, v ...any)  { l.log.Debugf(format, v...) }
