//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"
)

func runTCPErrno(ctx context.Context, flags *flag.FlagSet, args []string) error {
	abort := flags.Bool("abort", false, "once a byte was echoed, reset")
	finish := flags.Bool("fin", false, "once connected, send nothing and close our half")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	began := time.Now()
	conn, err := dialTCP(args[0])
	if err != nil {
		fmt.Println("connect", errno(err), time.Since(began).Round(100*time.Microsecond))
		return nil
	}
	defer conn.Close()
	fmt.Println("connect ok", time.Since(began).Round(100*time.Microsecond))
	switch {
	case *abort:
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return err
		}
		return conn.SetLinger(0)
	case *finish:
		err = conn.CloseWrite()
	default:
		_, err = conn.Write([]byte("x"))
	}
	if err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	got, err := io.ReadAll(conn)
	end := "EOF"
	if err != nil {
		end = errno(err)
	}
	fmt.Printf("read %q %s\n", got, end)
	return ctx.Err()
}
