package hop

import (
	"net/netip"
	"testing"
)

func TestMartian(t *testing.T) {
	for in, want := range map[string]bool{
		"127.0.0.1": true, "127.255.255.255": true, "0.0.0.0": true, "0.1.2.3": true, "169.254.1.1": true, "224.0.0.1": true,
		"240.0.0.1": true, "255.255.255.255": true, "::1": true, "::": true, "fe80::1": true, "ff02::1": true, "::ffff:127.0.0.1": true,
		"192.0.0.8": false, "10.0.0.1": false, "128.0.0.1": false, "100.64.0.1": false, "223.255.255.255": false, "fd00::1": false, "2001:db8::1": false,
	} {
		if got := Martian(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
	if !Martian(netip.Addr{}) {
		t.Error("no address is none to answer from")
	}
}

func TestMetadata(t *testing.T) {
	for in, want := range map[string]int{
		"169.254.0.0": 16, "169.254.169.254": 16, "169.254.170.2": 16, "169.254.255.255": 16, "169.253.255.255": 0, "169.255.0.0": 0,
		"100.100.100.200": 32, "100.100.100.199": 0, "168.63.129.16": 32, "168.63.129.17": 0, "192.0.0.192": 32, "192.0.0.8": 0,
		"fe80::a9fe:a9fe": 10, "febf::1": 10, "fec0::1": 0,
		"fd00:ec2::254": 128, "fd00:ec2::23": 128, "fd00:ec2::253": 0, "fd00:ec2:1::254": 0, "fd20:ce::254": 128, "fd20:ce::253": 0,
		"::ffff:169.254.169.254": 128, "::169.254.169.254": 128, "::ffff:10.0.0.1": 0, "::1": 0,
		"64:ff9b::169.254.169.254": 128, "64:ff9b::100.100.100.200": 128, "64:ff9b::168.63.129.16": 128, "64:ff9b::192.0.0.192": 128, "64:ff9b::10.0.0.1": 0,
		"64:ff9b:1::169.254.169.254": 128, "64:ff9b:1:a9fe:a9:fe00::": 128, "64:ff9b:1:ffa9:fe:a9fe::": 128,
		"64:ff9b:1:ffff:a9:fea9:fe00:0": 128, "64:ff9b:1::10.0.0.1": 0, "64:ff9b:0:a9fe:a9:fe00::": 0,
		"2002:a9fe:a9fe::": 128, "2002:a9fe:a9fe:1::2": 128, "2002:a00:1::": 0, "2001:db8::a9fe:a9fe": 0,
	} {
		named, ok := Metadata(netip.MustParseAddr(in))
		if ok != (want != 0) || ok && named != want {
			t.Errorf("%s: %d, %v; want %d", in, named, ok, want)
		}
	}
	a := netip.MustParseAddr("64:ff9b:1::1")
	if n := testing.AllocsPerRun(100, func() { Metadata(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
