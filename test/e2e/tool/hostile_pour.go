//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// pourBatch is the size in bytes of one datagram full of echo requests: it fits every path.
const pourBatch = 1150

// pour sends echo requests to ADDRESS until it is interrupted, as fast as the link takes them, and
// waits for no answer.
func (h *hostile) pour(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("want ADDRESS")
	}
	dst, err := netip.ParseAddr(args[0])
	if err != nil {
		return err
	}
	src, err := h.own(dst)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "pouring")
	began, sent := time.Now(), 0
	defer func() {
		fmt.Printf("%d requests poured, %.0f a second\n", sent, float64(sent)/time.Since(began).Seconds())
	}()
	for ctx.Err() == nil {
		d := []byte{byte(proto.TypeBatch)}
		for ; ; sent++ {
			echo := packet.AppendEcho([]byte{byte(proto.TypePacket)}, &packet.Echo{
				Src: src, Dst: dst, Ident: 7, Seq: uint16(sent), Payload: make([]byte, 56),
			})
			if len(d)+len(echo)+proto.BatchOverhead > pourBatch {
				break
			}
			d = proto.AppendBatched(d, echo)
		}
		if err := h.conn.SendDatagram(d); err != nil {
			return err
		}
	}
	return nil
}
