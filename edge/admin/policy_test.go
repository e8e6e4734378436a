package admin

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
)

// failure is how an error crosses the socket.
type failure struct{ Error, Hint string }

// applied puts a policy in force.
func (a *api) apply(text string) (int, failure) {
	var got failure
	code := a.do("PUT", "/v1/policy", applyPolicyRequest{Text: text}, &got)
	return code, got
}

// many returns a policy of n grants, as short as a person may write them.
func many(n int) string {
	var b strings.Builder
	b.WriteString("grants:\n")
	for i := range n {
		fmt.Fprintf(&b, "- {id: g%d, who: [u%d], to: [10.%d.%d.0/24], how: [icmp]}\n", i, i, i/256, i%256)
	}
	return b.String()
}

// What is in force can be shown and applied again, however long it is when it is shown.
func TestShownPolicyAppliesAgain(t *testing.T) {
	a := newAPI(t)
	if code, got := a.apply(many(13_500)); code != http.StatusOK {
		t.Fatalf("%d, %+v", code, got)
	}
	var p model.Policy
	a.do("GET", "/v1/policy", nil, &p)
	text, err := policy.Format(p)
	if err != nil || len(text) < 1<<20 {
		t.Fatalf("shown in %d bytes, %v", len(text), err)
	}
	if code, got := a.apply(string(text)); code != http.StatusOK {
		t.Errorf("%d bytes again: %d, %+v", len(text), code, got)
	}
}

// TestATextWithoutRoom: where the policy fills the store its text is left out, which is said, and the
// policy is in force all the same.
func TestATextWithoutRoom(t *testing.T) {
	a := newAPI(t)
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300_000) // which gzip does not make small
	for i := range noise {
		noise[i] = byte('!' + rng.IntN(90))
	}
	for _, c := range []struct {
		grants int
		kept   bool
	}{{100, true}, {13_500, false}} {
		text := many(c.grants) + "#" + string(noise) + "\n"
		var out Applied
		if code := a.do("PUT", "/v1/policy", applyPolicyRequest{Text: text}, &out); code != http.StatusOK {
			t.Fatalf("%d", code)
		}
		said := slices.ContainsFunc(out.Hints, func(h string) bool { return strings.HasPrefix(h, "there is no room for the text") })
		var p Policy
		a.do("GET", "/v1/policy", nil, &p)
		if len(p.Grants) != c.grants || p.Text != nil || said == c.kept || (p.Source == text) != c.kept {
			t.Errorf("%d grants: %d in force, hints %.200q, source of %d bytes", c.grants, len(p.Grants), out.Hints, len(p.Source))
		}
	}
}

// TestSlipsOfUsers: who does not exist is asked back, with who may be meant.
func TestSlipsOfUsers(t *testing.T) {
	a := newAPI(t)
	d, err := a.store.AllocateDevice(t.Context(), model.Device{ID: "abcdefghijklmnop", Name: "laptop2", User: "bob@example.com", KeyHash: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	var out Applied
	const text = "groups: {eng: [alice@example.com, bbo@example.com]}\ngrants:\n- {id: a, who: [group:eng, bob@exampel.com, BOB@example.com, abcdefghijklmnop, 'device:gone'], to: ['*'], how: [icmp]}\n" +
		"tests: [{who: tess, deny: ['tcp 10.0.0.1:1']}]"
	a.do("PUT", "/v1/policy", applyPolicyRequest{Text: text}, &out)
	want := []string{
		"nobody has a device yet as abcdefghijklmnop (a device? write device:abcdefghijklmnop), alice@example.com, " +
			"bbo@example.com (did you mean bob@example.com?), bob@exampel.com (did you mean bob@example.com?): oneping device token --user USER",
		"there is no device gone: oneping device list shows the ids",
	}
	if !slices.Equal(out.Hints, want) {
		t.Errorf("hints %q, want %q", out.Hints, want)
	}
	for _, known := range []string{"alice@example.com", "user:Bob@example.com", "bbo@example.com", "tess", d.ID, d.Addr4.String()} {
		if code := a.do("GET", "/v1/explain?dst=10.0.0.1&src="+known, nil, nil); code != http.StatusOK {
			t.Errorf("%s: %d", known, code)
		}
	}
	for name, hint := range map[string]string{
		"carol":            "oneping device list shows who has a device",
		"tes":              "did you mean tess?",
		"boob@example.com": "did you mean bob@example.com?",
		"laptop2":          "laptop2 is a device of bob@example.com: name it by its id, abcdefghijklmnop",
		"eng":              "eng is a group: name one of its users",
	} {
		var got failure
		if code := a.do("GET", "/v1/explain?dst=10.0.0.1&src="+name, nil, &got); code != http.StatusBadRequest ||
			got != (failure{"no user \"" + name + "\": no device, token or policy names one", hint}) {
			t.Errorf("%s: %d %+v", name, code, got)
		}
	}
}

// A policy that is too large is told its bound, of the text and of the store; another request that
// is, too.
func TestBoundsOfRequests(t *testing.T) {
	a := newAPI(t)
	for name, c := range map[string]struct {
		method, url string
		in          any
		status      int
		want        failure
	}{
		"store": {
			"PUT", "/v1/policy",
			applyPolicyRequest{Text: many(16_000)},
			http.StatusBadRequest,
			failure{"the policy takes 1,120,302 bytes in the store, 1,044,480 are allowed", advicePolicy},
		},
		"text": {
			"PUT", "/v1/policy",
			applyPolicyRequest{Text: strings.Repeat("#", MaxPolicyText+1)},
			http.StatusRequestEntityTooLarge,
			failure{"the policy is 4,194,305 bytes, 4,194,304 are allowed", advicePolicy},
		},
		"body of a policy": {
			"PUT", "/v1/policy",
			applyPolicyRequest{Text: strings.Repeat("x", maxPolicyBody)},
			http.StatusRequestEntityTooLarge,
			failure{"the request is larger than 25,166,848 bytes, which is what the edge reads", "send less in one request"},
		},
		"body": {
			"POST", "/v1/tunnels",
			createTunnelRequest{Name: strings.Repeat("x", maxBody)},
			http.StatusRequestEntityTooLarge,
			failure{"the request is larger than 1,048,576 bytes, which is what the edge reads", "send less in one request"},
		},
	} {
		var got failure
		if code := a.do(c.method, c.url, c.in, &got); code != c.status || got != c.want {
			t.Errorf("%s: %d %+v, want %d %+v", name, code, got, c.status, c.want)
		}
	}
}

// A tunnel that grants name is not deleted: another one of its name would have them. What an older
// edge has left behind is said where the name is used again.
func TestGrantsOutliveNoTunnel(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/v1/tunnels", createTunnelRequest{Name: "lab"}, nil)
	const text = `grants: [{id: one, who: [alice], to: ["tunnel:lab"], how: ["*"]}, {id: two, who: [bob], to: [10.0.0.1, "tunnel:lab"], how: [icmp]}]`
	if code, got := a.apply(text); code != http.StatusOK {
		t.Fatalf("%d %+v", code, got)
	}
	var got failure
	want := failure{
		"delete tunnel lab: grants name it (one, two)",
		"take tunnel:lab out of them first: oneping policy show > policy.yaml; edit it; oneping policy apply -f policy.yaml",
	}
	if code := a.do("DELETE", "/v1/tunnels/lab", nil, &got); code != http.StatusBadRequest || got != want {
		t.Errorf("%d %+v, want %+v", code, got, want)
	}
	if code, got := a.apply("grants: []"); code != http.StatusOK {
		t.Fatalf("%d %+v", code, got)
	}
	if code := a.do("DELETE", "/v1/tunnels/lab", nil, nil); code != http.StatusOK {
		t.Errorf("without grants: %d", code)
	}
	left := model.Policy{Grants: []model.Grant{{ID: "one", Who: []string{"alice"}, To: []string{"tunnel:lab"}, How: []string{"*"}}}}
	if err := a.store.PutPolicy(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	shown, err := policy.Format(left)
	if err != nil {
		t.Fatal(err)
	}
	var out Applied
	if code := a.do("PUT", "/v1/policy", applyPolicyRequest{Text: string(shown)}, &out); code != http.StatusOK || !slices.Equal(out.Missing, []string{"lab"}) {
		t.Errorf("what is in force, again: %d, %+v", code, out)
	}
	if code, got := a.apply(strings.Replace(string(shown), "tunnel:lab", "tunnel:other", 1)); code != http.StatusBadRequest ||
		got.Error != `read policy: grant one: to: there is no tunnel "other"` {
		t.Errorf("another one that is missing: %d, %+v", code, got)
	}
	var again Tunnel
	a.do("POST", "/v1/tunnels", createTunnelRequest{Name: "lab"}, &again)
	if hint := "grants name it already (one): whom they name reaches all that is routed to it; see oneping policy show"; again.Hint != hint {
		t.Errorf("hint %q, want %q", again.Hint, hint)
	}
}

// What every host keeps is never said to be captured, whatever is.
func TestLookupOfWhatHostsKeep(t *testing.T) {
	a := newAPI(t)
	for _, p := range []string{"0.0.0.0/0", "::/0"} {
		if code := a.do("POST", "/v1/capture", addCaptureRequest{Prefix: p, Wide: true}, nil); code != http.StatusOK {
			t.Fatal(code)
		}
	}
	for addr, want := range map[string]string{
		"127.0.0.1": "loopback", "169.254.169.254": "link-local", "224.0.0.1": "multicast", "255.255.255.255": "broadcast",
		"::1": "loopback", "fe80::1": "link-local", "ff02::1": "multicast", "0.0.0.0": "the unspecified address", "::": "the unspecified address",
		"10.0.0.1": "", "fd00::1": "",
	} {
		var l Lookup
		a.do("GET", "/v1/routes/lookup?addr="+addr, nil, &l)
		if l.Kept != want || l.Captured != (want == "") {
			t.Errorf("%s: kept %q, captured %v", addr, l.Kept, l.Captured)
		}
	}
}

// TestTheTextFollowsARenamedTunnel: it stays as it was written, but for the name.
func TestTheTextFollowsARenamedTunnel(t *testing.T) {
	a := newAPI(t)
	for _, name := range []string{"lab", "lab-2"} {
		a.do("POST", "/v1/tunnels", createTunnelRequest{Name: name}, nil)
	}
	const text = "grants: # who may use tunnel:lab\n- {id: a, who: [alice], to: [tunnel:lab, \"tunnel:lab-2\"], how: [trace]}\n- id: b\n  who: [bob]\n  to:\n  - tunnel:lab\n  how: [trace]\n"
	if code, got := a.apply(text); code != http.StatusOK {
		t.Fatalf("%d %+v", code, got)
	}
	if _, _, _, err := a.store.RenameTunnel(t.Context(), "lab", "berlin"); err != nil {
		t.Fatal(err)
	}
	var p Policy
	a.do("GET", "/v1/policy", nil, &p)
	want := strings.NewReplacer("tunnel:lab-2", "tunnel:lab-2", "tunnel:lab", "tunnel:berlin").Replace(text)
	if p.Source != want {
		t.Errorf("the text is now\n%swant\n%s", p.Source, want)
	}
}
