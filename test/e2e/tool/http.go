//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

func runHTTPServe(ctx context.Context, flags *flag.FlagSet, args []string) error {
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(serveBytes)}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	return serveAll(ctx, args, listenTCP, func(ln net.Listener) { _ = server.Serve(ln) })
}

// serveBytes answers GET /N with N bytes that depend on N alone, and PUT with the SHA-256 of what came.
func serveBytes(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		h := sha256.New()
		n, err := io.Copy(h, r.Body)
		if err != nil {
			fmt.Println("put ended after", n, errno(err))
			return
		}
		fmt.Fprintln(w, hex.EncodeToString(h.Sum(nil)))
		return
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/"), 10, 64)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := sha256.New()
	_, _ = io.CopyN(h, noise(n), n)
	w.Header().Set("X-SHA256", hex.EncodeToString(h.Sum(nil)))
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	if _, err := io.CopyN(w, noise(n), n); err != nil {
		fmt.Println("get ended", errno(err))
	}
}

func noise(seed int64) io.Reader {
	var key [32]byte
	copy(key[:], strconv.FormatInt(seed, 10))
	return rand.NewChaCha8(key)
}

func runHTTPAbort(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 50, "downloads")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	errs := make([]error, *count)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = abortedDownload(ctx, args[0]) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	fmt.Println(*count, "downloads dropped")
	return nil
}

func abortedDownload(ctx context.Context, url string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.CopyN(io.Discard, resp.Body, 64<<10)
	return err
}
