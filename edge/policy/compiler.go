package policy

import (
	"maps"
	"slices"
	"sync"

	"github.com/oneping/oneping/edge/model"
)

// Compiler compiles each policy once: the one that was checked when somebody asked for it is the
// one that takes effect when the store has it. The zero value is ready; safe for concurrent use.
type Compiler struct {
	mu      sync.Mutex
	policy  model.Policy
	tunnels map[string]model.Tunnel // by id
	last    *Compiled               // of both; nil: none yet
}

// Parse reads a document as the function Parse does, and compiles it for the existing tunnels. The
// policy has the document with it (Source).
func (c *Compiler) Parse(text []byte, tunnels map[string]model.Tunnel) (model.Policy, *Compiled, error) {
	p, at, err := decode(text)
	if err != nil {
		return model.Policy{}, nil, err
	}
	compiled, errs := compile(p, tunnels, at)
	if len(errs) > 0 {
		return model.Policy{}, nil, errs
	}
	p.SetWritten(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.policy, c.tunnels, c.last = p, tunnels, compiled
	return p, compiled, nil
}

// Compile is the function Compile, and answers for the last policy and tunnels from memory.
func (c *Compiler) Compile(p model.Policy, tunnels map[string]model.Tunnel) (*Compiled, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && samePolicy(&p, &c.policy) && maps.EqualFunc(tunnels, c.tunnels, sameName) {
		return c.last, nil
	}
	compiled, err := Compile(p, tunnels)
	if err != nil {
		return nil, err
	}
	c.policy, c.tunnels, c.last = p, tunnels, compiled
	return compiled, nil
}

func sameName(a, b model.Tunnel) bool { return a.Name == b.Name } // a policy sees no more of it

func samePolicy(a, b *model.Policy) bool {
	return maps.EqualFunc(a.Groups, b.Groups, slices.Equal[[]string]) &&
		slices.EqualFunc(a.Grants, b.Grants, sameGrant) && slices.EqualFunc(a.Tests, b.Tests, sameTest)
}

func sameGrant(a, b model.Grant) bool {
	return a.ID == b.ID && slices.Equal(a.Who, b.Who) && slices.Equal(a.To, b.To) && slices.Equal(a.How, b.How)
}

func sameTest(a, b model.PolicyTest) bool {
	return a.Who == b.Who && slices.Equal(a.Accept, b.Accept) && slices.Equal(a.Deny, b.Deny)
}
