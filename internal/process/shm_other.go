//go:build !linux

package process

import (
	"errors"

	"github.com/oneping/oneping/proto"
)

// makeMemoryDir has no place here that can be written whatever else cannot.
func makeMemoryDir(proto.Role, string) (string, error) {
	return "", errors.New("there is no place for a socket beside the state directory")
}

func memorySocket(proto.Role, string) string { return "" }
