package holder

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
)

// notifySocket receives the sd_notify messages of one role process.
type notifySocket struct {
	conn *net.UnixConn
	path string
}

// listenNotify opens the socket; any user of the lab may write to it.
func listenNotify(path string) (*notifySocket, error) {
	_ = os.Remove(path)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		return nil, fmt.Errorf("listen for readiness: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &notifySocket{conn: conn, path: path}, nil
}

// wait returns when the line word arrives, or with an error once closed.
func (n *notifySocket) wait(word string) error {
	buf := make([]byte, 4096)
	for {
		size, err := n.conn.Read(buf)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(bytes.Split(buf[:size], []byte{'\n'}), func(line []byte) bool {
			return string(line) == word
		}) {
			return nil
		}
	}
}

func (n *notifySocket) close() {
	_ = n.conn.Close()
	_ = os.Remove(n.path)
}
