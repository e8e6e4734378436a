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
