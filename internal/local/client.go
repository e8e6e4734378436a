package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/oneping/oneping/internal/advice"
)

// maxAnswer bounds what a client reads of one answer, in bytes.
const maxAnswer = 64 << 20

// Client returns an HTTP client whose every request goes to the Unix socket
// path, whatever host its URL names ("http://oneping/v1/status").
func Client(path string) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				var d net.Dialer
				return d.DialContext(ctx, "unix", path)
			},
			DisableKeepAlives: true,
		},
		Timeout: 30 * time.Second,
	}
}

// roleHeader is the field of an answer that names the role of the process that gave it.
const roleHeader = "Oneping-Role"

// Get reads url (a path such as "/v1/status") from the process of a role that serves the socket
// path and decodes the answer into out, which may be nil.
func Get(ctx context.Context, path, role, url string, out any) error {
	return Do(ctx, path, role, http.MethodGet, url, nil, out)
}

// Do asks the process of a role that serves the socket path for url. in is sent as JSON, out takes
// the answer; both may be nil. The process of another role, whose state directory somebody has named
// by mistake, is refused by name; one of an earlier version does not say which it is.
func Do(ctx context.Context, path, role, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	status, b, err := exchange(ctx, path, role, method, url, body)
	if err != nil {
		return err
	}
	return decode(status, b, out)
}

// Fetch asks, as Do does and with POST, for an answer that is no JSON, and returns it as it is: up to
// 64 MiB.
func Fetch(ctx context.Context, path, role, url string) ([]byte, error) {
	status, b, err := exchange(ctx, path, role, http.MethodPost, url, nil)
	if err == nil {
		err = decode(status, b, nil)
	}
	return b, err
}

// exchange sends one request and returns the answer.
func exchange(ctx context.Context, path, role, method, url string, body io.Reader) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://oneping"+url, body)
	if err != nil {
		return 0, nil, fmt.Errorf("make request %s: %w", url, err)
	}
	resp, err := Client(path).Do(req)
	if err != nil {
		return 0, nil, dialError(path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if other := resp.Header.Get(roleHeader); other != "" && other != role {
		return 0, nil, &advice.Error{
			Text:   "connect to " + path + ": that is the socket of the " + other + ", and not of the " + role,
			Advice: "name the state directory of the " + role + ": --state-dir DIR",
		}
	}
	if answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return 0, nil, fmt.Errorf("read answer of %s: %w", path, err)
	}
	return resp.StatusCode, answer, nil
}

func decode(status int, body []byte, out any) error {
	if status < 200 || status > 299 {
		var e wireError
		if json.Unmarshal(body, &e) != nil || e.Error == "" {
			e.Error = http.StatusText(status)
		}
		return &StatusError{Status: status, Err: &advice.Error{Text: e.Error, Advice: e.Hint}}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// dialError says in words why nothing answered.
func dialError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &advice.Error{
			Text:   "connect to " + path + ": " + ErrNotRunning.Error(),
			Advice: "is it running, and with this --state-dir?",
			Cause:  errors.Join(ErrNotRunning, err),
		}
	case errors.Is(err, fs.ErrPermission):
		return &advice.Error{
			Text:   "connect to " + path + ": permission denied",
			Advice: "repeat the command with sudo, or as a member of the group " + group,
			Cause:  err,
		}
	}
	return fmt.Errorf("ask %s: %w", path, err)
}
