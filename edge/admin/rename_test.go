package admin

import (
	"net/http"
	"slices"
	"testing"

	"github.com/oneping/oneping/edge/state"
)

func TestRenameTunnel(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/v1/tunnels", map[string]string{"name": "office"}, nil)
	a.do("PUT", "/v1/policy", map[string]string{"text": `grants: [{id: eng, who: [alice], to: ["tunnel:office"], how: [icmp]}]`}, nil)
	var got RenamedTunnel
	if code := a.do("POST", "/v1/tunnels/office/rename", renameRequest{Name: "berlin"}, &got); code != http.StatusOK ||
		got.Name != "berlin" || got.Was != "office" || !slices.Equal(got.Grants, []string{"eng"}) || got.Hint != "" {
		t.Errorf("%d, %+v", code, got)
	}
	a.refused("POST", "/v1/tunnels/office/rename", renameRequest{Name: "x"}, http.StatusNotFound, "tunnel office does not exist", "list them: oneping tunnel list")
	a.refused("POST", "/v1/tunnels/berlin/rename", renameRequest{Name: "X"}, http.StatusBadRequest, `rename tunnel to "X": not a valid name`,
		"use 1 to 63 lower case letters, digits and hyphens, such as office-berlin")
	a.do("POST", "/v1/tunnels", map[string]string{"name": "home"}, nil)
	a.refused("POST", "/v1/tunnels/home/rename", renameRequest{Name: "berlin"}, http.StatusBadRequest, "rename tunnel home to berlin: the name is taken",
		"show it: oneping tunnel show berlin")
	var events []state.AuditEvent
	a.do("GET", "/v1/audit", nil, &events)
	if e := events[2]; e.Action != "tunnel rename" || e.Object != "berlin" || e.Detail != "it was office; 1 grant changed" {
		t.Errorf("audit log: %+v", events)
	}
}

// A policy that is applied while a tunnel gets another name is refused, or follows it: no grant is
// left with the old one.
func TestRenameTunnelWhileAPolicyIsApplied(t *testing.T) {
	a := newAPI(t)
	a.do("POST", "/v1/tunnels", map[string]string{"name": "office"}, nil)
	old, name := "office", "berlin"
	for range 40 {
		applied := make(chan int, 1)
		go func(text string) {
			applied <- a.do("PUT", "/v1/policy", map[string]string{"text": text}, nil)
		}(`grants: [{id: eng, who: [alice], to: ["tunnel:` + old + `"], how: [icmp]}]`)
		if code := a.do("POST", "/v1/tunnels/"+old+"/rename", renameRequest{Name: name}, nil); code != http.StatusOK {
			t.Fatalf("rename: %d", code)
		}
		code := <-applied
		if p := a.store.Snapshot().Policy; len(p.GrantsTo(old)) > 0 {
			t.Fatalf("applied with %d while %s became %s: %+v", code, old, name, p.Grants)
		}
		old, name = name, old
	}
}

// A tunnel that is deleted while a policy with it is applied is gone, and the policy refused; or it
// stays, as the policy names it: no grant is left that names nothing.
func TestDeleteTunnelWhileAPolicyIsApplied(t *testing.T) {
	a := newAPI(t)
	for range 40 {
		a.do("POST", "/v1/tunnels", map[string]string{"name": "office"}, nil) // where it was deleted
		a.do("PUT", "/v1/policy", map[string]string{"text": "grants: []"}, nil)
		applied := make(chan int, 1)
		go func() {
			applied <- a.do("PUT", "/v1/policy", map[string]string{"text": `grants: [{id: eng, who: [alice], to: ["tunnel:office"], how: [icmp]}]`}, nil)
		}()
		deleted := a.do("DELETE", "/v1/tunnels/office", nil, nil)
		code := <-applied
		sn := a.store.Snapshot()
		if _, there := sn.Tunnel("office"); !there && len(sn.Policy.GrantsTo("office")) > 0 {
			t.Fatalf("applied with %d, deleted with %d: the policy names a tunnel that is gone", code, deleted)
		}
	}
}
