package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValidateDefaults(t *testing.T) {
	var o Options
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	want := Options{Name: "default", Laptops: 1, Hosts: 1, Unreachable: "answer"}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
}

func TestValidateRefuses(t *testing.T) {
	for want, o := range map[string]Options{
		`name "a b": want 1 to 32 letters, digits, '-' or '_'`:                 {Name: "a b"},
		`laptops 15: want 1 to 14`:                                             {Laptops: 15},
		`hosts -1: want 1 to 100`:                                              {Hosts: -1},
		`routers 9: want 0 to 8`:                                               {Routers: 9},
		`plain: nothing of oneping runs there, neither bare nor with a policy`: {Plain: true, NoPolicy: true},
		`raw: there is no connector where nothing of oneping runs`:             {Plain: true, Raw: true},
		`unreachable "loud": want answer or silent`:                            {Unreachable: "loud"},
		`policy: give a policy or none, not both`:                              {NoPolicy: true, Policy: "x"},
		`link laptop-server: no such link; there are laptop-edge, edge-connector, connector-lan, server-lan`: {
			Links: []LinkOption{{A: "laptop", B: "server"}},
		},
	} {
		if err := o.Validate(); err == nil || err.Error() != want {
			t.Errorf("Validate = %v, want %s", err, want)
		}
	}
}

func TestParseLink(t *testing.T) {
	got, err := ParseLink("laptop-edge:delay=20ms,jitter=5ms,loss=1%,rate=10mbit,mtu=1280")
	if err != nil {
		t.Fatal(err)
	}
	want := LinkOption{A: "laptop", B: "edge", Shape: Shape{
		Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01, Rate: 10e6, MTU: 1280,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestShapeText(t *testing.T) {
	for text, want := range map[string]string{
		"delay=20ms":                             "delay=20ms",
		"loss=0.5":                               "loss=0.5",
		"loss=2.5%,rate=1.5gbit":                 "loss=0.025,rate=1500000000bit",
		"rate=64kbit,mtu=1280,jitter=1ms":        "jitter=1ms,rate=64000bit,mtu=1280",
		"rate=9600bit,delay=0s,loss=0%":          "rate=9600bit",
		"delay=1m0s,jitter=300µs,loss=1,mtu=576": "delay=1m0s,jitter=300µs,loss=1,mtu=576",
	} {
		shape, err := ParseShape(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if shape.String() != want {
			t.Errorf("%s: String = %s, want %s", text, shape, want)
		}
		again, err := ParseShape(shape.String())
		if err != nil || again != shape {
			t.Errorf("%s: parsed again %+v, %v", text, again, err)
		}
	}
}

func TestParseLinkRefuses(t *testing.T) {
	for _, text := range []string{
		"", ":", "-", "a", "a-b", "a-b:", "-b:mtu=1280", "a-:mtu=1280", "a-b:mtu", "a-b:mtu=100", "a-b:mtu=x", "a-b:delay=20",
		"a-b:delay=-1s", "a-b:delay=1h", "a-b:loss=101%", "a-b:loss=-1", "a-b:loss=NaN", "a-b:rate=10", "a-b:rate=1bit",
		"a-b:rate=1e30gbit", "a-b:colour=red", "a-b:mtu=1280,",
	} {
		if got, err := ParseLink(text); err == nil {
			t.Errorf("ParseLink(%q) = %+v, want an error", text, got)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	good := "laptop-edge:delay=20ms,jitter=5ms,loss=1%,rate=10mbit,mtu=1280"
	for i := range len(good) + 1 {
		f.Add(good[:i])
	}
	f.Fuzz(func(t *testing.T, text string) {
		opt, err := ParseLink(text)
		if err != nil {
			return
		}
		shape := opt.Shape
		if shape == (Shape{}) {
			return
		}
		again, err := ParseShape(shape.String())
		if err != nil || again != shape {
			t.Errorf("%q became %q: %+v, %v", text, shape, again, err)
		}
	})
}
