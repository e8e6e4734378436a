//go:build linux

package main

import (
	"net"
	"time"
)

func dialTCP(addr string) (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", addr, 30*time.Second)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}
