package policy

import (
	"encoding/json"
	"testing"

	"github.com/oneping/oneping/edge/model"
)

// TestEachPolicyIsCompiledOnce: what was checked is what takes effect, although it comes back from
// the store as JSON.
func TestEachPolicyIsCompiledOnce(t *testing.T) {
	var c Compiler
	tunnels := map[string]model.Tunnel{"t1": {ID: "t1", Name: "office"}}
	asked, checked, err := c.Parse([]byte(good), tunnels)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	var stored model.Policy
	if err := json.Unmarshal(body, &stored); err != nil {
		t.Fatal(err)
	}
	compile := func(p model.Policy, tunnels map[string]model.Tunnel) *Compiled {
		t.Helper()
		got, err := c.Compile(p, tunnels)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	again := map[string]model.Tunnel{"t1": {ID: "t1", Name: "office", MaxConnectors: 3}} // no matter of a policy
	if compile(stored, again) != checked {
		t.Error("the stored policy was compiled a second time")
	}
	renamed := compile(stored, map[string]model.Tunnel{"t1": {ID: "t1", Name: "home"}})
	if renamed == checked {
		t.Error("tunnels changed, and the policy was not compiled for them")
	}
	other := stored
	other.Grants = append([]model.Grant{{ID: "new", Who: []string{"*"}, To: []string{"*"}, How: []string{"*"}}}, stored.Grants...)
	if got := compile(other, again); got == checked || got == renamed {
		t.Error("another policy got the answer of the last one")
	}
	if _, err := c.Compile(model.Policy{Grants: []model.Grant{{ID: "bad"}}}, again); err == nil {
		t.Error("a policy that makes no sense was compiled")
	}
}
