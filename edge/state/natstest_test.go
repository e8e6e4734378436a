package state

import (
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// startNATS starts a NATS server with JetStream on loopback that runs until the test ends. change
// may be nil.
func startNATS(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	}
	if change != nil {
		change(o)
	}
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	return srv
}

// runNATS starts a server and waits until it serves.
func runNATS(t *testing.T, change func(*server.Options)) *server.Server {
	t.Helper()
	srv := startNATS(t, change)
	awaitNATS(t, srv)
	return srv
}

func awaitNATS(t *testing.T, srv *server.Server) {
	t.Helper()
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("the NATS server is not ready")
	}
}

// jetStreamOf returns JetStream of a server, for an operator.
func jetStreamOf(t *testing.T, srv *server.Server, options ...nats.Option) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(srv.ClientURL(), options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// runCluster runs three servers that are one cluster, and returns one of them.
func runCluster(t *testing.T) *server.Server {
	t.Helper()
	var routes []*url.URL // of all three: a server without routes is no cluster to JetStream
	var ports []int
	for range 3 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, ln.Addr().(*net.TCPAddr).Port)
		routes = append(routes, &url.URL{Scheme: "nats", Host: ln.Addr().String()})
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var all []*server.Server
	for i, port := range ports {
		all = append(all, startNATS(t, func(o *server.Options) {
			o.ServerName, o.Routes = "store"+strconv.Itoa(i), routes
			o.Cluster = server.ClusterOpts{Name: "fleet", Host: "127.0.0.1", Port: port}
		}))
	}
	for _, srv := range all {
		awaitNATS(t, srv)
	}
	return all[0]
}
