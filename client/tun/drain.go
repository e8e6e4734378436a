package tun

import wgtun "golang.zx2c4.com/wireguard/tun"

// drainedDevice reads away the vendor's up/down events. Nobody here wants them, but the vendor's
// listener blocks for ever on an unread one, and its Close with it.
type drainedDevice struct {
	wgtun.Device
	done chan struct{}
}

// drain starts reading events; the goroutine ends with Close.
func drain(dev wgtun.Device) *drainedDevice {
	d := &drainedDevice{Device: dev, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		for range dev.Events() {
		}
	}()
	return d
}

// Close closes the device and waits until the events end with it.
func (d *drainedDevice) Close() error {
	err := d.Device.Close()
	<-d.done
	return err
}

// wrapDrained makes a Device of one whose vendor reports events and wants room bytes in front of
// reads and writes.
func wrapDrained(dev wgtun.Device, mtu, room int) (*Device, error) {
	drained := drain(dev)
	d, err := wrap(drained, mtu, room, room)
	if err != nil {
		_ = drained.Close()
		return nil, openError("TUN", err, "")
	}
	return d, nil
}
