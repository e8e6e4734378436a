package cmd

import (
	"encoding/json"
	"testing"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/edge"
)

// The same thing has the same name in the JSON of every role, whoever counts it.
func TestStatusNamesAgree(t *testing.T) {
	for role, status := range map[string]any{
		"client":    client.Status{},
		"connector": connector.Status{ID: "c"},
		"edge":      edge.Status{Tunnels: []edge.TunnelStatus{{}}},
	} {
		text, err := json.Marshal(status)
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(text, &keys); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"version", "started", "udp_sessions", "tcp_flows", "tcp_memory", "reasons"} {
			if keys[want] == nil {
				t.Errorf("%s status: no %q", role, want)
			}
		}
		var tunnels []map[string]json.RawMessage
		if list := keys["tunnels"]; list != nil {
			if err := json.Unmarshal(list, &tunnels); err != nil || tunnels[0]["connectors"] == nil {
				t.Errorf("%s status: a tunnel is %s", role, list)
			}
		}
		for _, old := range []string{"sessions", "flows", "replica", "replicas"} {
			if keys[old] != nil || len(tunnels) > 0 && tunnels[0][old] != nil {
				t.Errorf("%s status: %q", role, old)
			}
		}
	}
}
