package admin

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
)

// refused asks for something and wants it refused in these words.
func (a *api) refused(method, url string, in any, status int, text, hint string) {
	a.t.Helper()
	var got struct{ Error, Hint string }
	if code := a.do(method, url, in, &got); code != status || got.Error != text || got.Hint != hint {
		a.t.Errorf("%s %s: %d %q, hint %q; want %d %q, hint %q", method, url, code, got.Error, got.Hint, status, text, hint)
	}
}

// device stores a device.
func (a *api) device(id, user, name string) model.Device {
	a.t.Helper()
	d, err := a.store.AllocateDevice(a.t.Context(), model.Device{ID: id, User: user, Name: name, KeyHash: []byte(id)})
	if err != nil {
		a.t.Fatal(err)
	}
	return d
}

// The list has what can still enrol somebody, and all that could with all=; what is cancelled goes.
func TestTokens(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/v1/tunnels", map[string]string{"name": "office"}, nil)
	var office, alice, bob Token
	a.do("POST", "/v1/tunnels/office/token", tunnelTokenRequest{}, &office)
	a.do("POST", "/v1/tokens", deviceTokenRequest{User: "Alice", TTL: 60}, &alice)
	a.do("POST", "/v1/tokens", deviceTokenRequest{User: "bob"}, &bob)
	list := func(url string) []IssuedToken {
		t.Helper()
		var got []IssuedToken
		if code := a.do("GET", url, nil, &got); code != http.StatusOK {
			t.Errorf("GET %s: %d", url, code)
		}
		return got
	}
	want := []IssuedToken{
		{ID: office.ID, Kind: "tunnel", Tunnel: "office", State: TokenGood},
		{ID: alice.ID, Kind: "device", User: "alice", State: TokenGood, Expires: alice.Expires},
		{ID: bob.ID, Kind: "device", User: "bob", State: TokenGood, Expires: bob.Expires},
	}
	made := cmpopts.IgnoreFields(IssuedToken{}, "Created")
	if diff := cmp.Diff(want, list("/v1/tokens"), made); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	var gone IssuedToken
	if code := a.do("POST", "/v1/tokens/"+alice.ID[:8]+"/cancel", nil, &gone); code != http.StatusOK || gone.State != TokenCancelled || gone.For() != "alice" {
		t.Errorf("cancelled: %d, %+v", code, gone)
	}
	a.do("POST", "/v1/tokens/"+office.ID+"/cancel", nil, &gone)
	if gone.For() != "tunnel office" {
		t.Errorf("cancelled: %+v", gone)
	}
	if got := list("/v1/tokens"); len(got) != 1 || got[0].ID != bob.ID {
		t.Errorf("after that: %+v", got)
	}
	var states []TokenState
	for _, x := range list("/v1/tokens?all=1") {
		states = append(states, x.State)
	}
	if !slices.Equal(states, []TokenState{TokenCancelled, TokenCancelled, TokenGood}) {
		t.Errorf("all: %v", states)
	}
	a.refused("POST", "/v1/tokens/none/cancel", nil, http.StatusNotFound, "token none does not exist", "list them: oneping token list")
	a.refused("POST", "/v1/tokens", deviceTokenRequest{User: "bob", TTL: 30*24*3600 + 1}, http.StatusBadRequest,
		"make device token: a life of 720h0m1s, and 720h0m0s is the longest", "it enrols one device, once: make it when that is at hand, and another one later")
	a.refused("POST", "/v1/tokens", deviceTokenRequest{User: "bob", TTL: 1 << 62}, http.StatusBadRequest,
		"make device token: a life of 720h0m1s, and 720h0m0s is the longest", "it enrols one device, once: make it when that is at hand, and another one later")
	var events []state.AuditEvent
	a.do("GET", "/v1/audit", nil, &events)
	if last := events[len(events)-1]; last.Action != "token cancel" || last.Object != office.ID || last.Detail != "tunnel office" {
		t.Errorf("audit log: %+v", last)
	}
	var longest Token
	if code := a.do("POST", "/v1/tokens", deviceTokenRequest{User: "bob", TTL: 30 * 24 * 3600}, &longest); code != http.StatusOK || time.Until(longest.Expires) < 29*24*time.Hour {
		t.Errorf("the longest there is: %d, until %s", code, longest.Expires)
	}
}

// A user who is put out loses devices and outstanding tokens, whatever the case of the letters.
func TestRevokeUser(t *testing.T) {
	a := newAPI(t)
	a.do("PUT", "/v1/policy", map[string]string{"text": `grants: [{id: eng, who: [alice], to: ["*"], how: [icmp]}]`}, nil)
	for _, id := range []string{"alicesone", "alicestwo", "alicesold"} {
		a.device(id, "alice", "laptop")
	}
	a.device("bobsdevice", "bob", "laptop")
	a.do("POST", "/v1/devices/alicesold/revoke", nil, nil)
	var tok Token
	a.do("POST", "/v1/tokens", deviceTokenRequest{User: "alice"}, &tok)
	var got RevokedUser
	if code := a.do("POST", "/v1/users/Alice/revoke", nil, &got); code != http.StatusOK {
		t.Fatal(code)
	}
	if len(got.Devices) != 2 || got.Devices[0].ID != "alicesone" || got.Devices[1].ID != "alicestwo" || !got.Devices[0].Revoked ||
		len(got.Tokens) != 1 || got.Tokens[0].ID != tok.ID || got.Tokens[0].State != TokenCancelled || got.Before != 1 || got.User != "alice" ||
		got.Hint != "the policy still names alice: take that out before another device enrols: oneping policy show" {
		t.Errorf("revoked: %+v", got)
	}
	sn := a.store.Snapshot()
	for id, d := range sn.Devices {
		if d.Revoked != (d.User == "alice") {
			t.Errorf("device %s of %s: revoked %t", id, d.User, d.Revoked)
		}
	}
	var again RevokedUser
	if a.do("POST", "/v1/users/alice/revoke", nil, &again); len(again.Devices)+len(again.Tokens) != 0 || again.Before != 3 {
		t.Errorf("again: %+v", again)
	}
	// Whose device has no address yet, when the pool was full, may not come back for it.
	a.do("POST", "/v1/tokens", deviceTokenRequest{User: "dave"}, &tok)
	token := a.store.Snapshot().Tokens[tok.ID]
	used, err := a.store.UseToken(t.Context(), tok.ID, token.Hash, []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	var dave RevokedUser
	if a.do("POST", "/v1/users/dave/revoke", nil, &dave); len(dave.Tokens) != 1 || dave.Tokens[0].State != TokenCancelled {
		t.Errorf("with a token that was used: %+v", dave)
	}
	if d, err := a.store.AllocateDevice(t.Context(), model.Device{ID: used.Device, User: "dave", KeyHash: []byte("k")}); err == nil {
		t.Errorf("a device after all: %+v", d)
	}
	a.refused("POST", "/v1/users/carol/revoke", nil, http.StatusNotFound, "no device is carol's, and no token", "list them: oneping device list, oneping token list")
}

// A device is found by what it alone is called, is called otherwise, and is gone from every list
// when it is deleted.
func TestRenameAndDeleteADevice(t *testing.T) {
	a := newAPI(t)
	first := a.device("aaaafirst", "alice", "laptop")
	a.device("aaaasecond", "bob", "laptop")
	a.refused("POST", "/v1/devices/laptop/revoke", nil, http.StatusBadRequest, "2 devices are called laptop", "name one by its id: oneping device list")
	a.refused("POST", "/v1/devices/aaaa/revoke", nil, http.StatusBadRequest, "2 devices begin with aaaa", "write more of the id")
	a.refused("PATCH", "/v1/devices/aaaafirst", renameRequest{}, http.StatusBadRequest, "a device has no name", "name it with letters, digits and hyphens")
	a.refused("PATCH", "/v1/devices/aaaafirst", renameRequest{Name: "a\x1b[31m"}, http.StatusBadRequest,
		`device "a\x1b[31m" has characters that cannot be printed`, "is it copied from somewhere? Type it")
	var got Device
	if a.do("PATCH", "/v1/devices/"+first.Addr4.String(), renameRequest{Name: "desk"}, &got); got.ID != first.ID || got.Name != "desk" {
		t.Errorf("renamed: %+v", got)
	}
	if a.do("GET", "/v1/devices/desk", nil, &got); got.ID != first.ID {
		t.Errorf("by its name: %+v", got)
	}
	if code := a.do("DELETE", "/v1/devices/desk", nil, &got); code != http.StatusOK || got.ID != first.ID || !got.Revoked {
		t.Errorf("deleted: %d, %+v", code, got)
	}
	for _, name := range []string{"desk", first.ID, first.ID[:6], first.Addr4.String(), first.Addr6.String()} {
		a.refused("GET", "/v1/devices/"+name, nil, http.StatusNotFound, "device "+name+" does not exist", "list them: oneping device list")
	}
	var list []Device
	if a.do("GET", "/v1/devices", nil, &list); len(list) != 1 || list[0].ID != "aaaasecond" {
		t.Errorf("the list: %+v", list)
	}
	var events []state.AuditEvent
	a.do("GET", "/v1/audit", nil, &events)
	var said []string
	for _, e := range events {
		said = append(said, e.Action+" "+e.Object+": "+e.Detail)
	}
	if want := []string{"device rename aaaafirst: laptop is desk now", "device delete aaaafirst: alice, host desk"}; !slices.Equal(said, want) {
		t.Errorf("audit log %q, want %q", said, want)
	}
}
