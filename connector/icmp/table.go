package icmp

import (
	"container/list"
	"net/netip"
	"time"
)

// table holds the mappings in order of their last use, bounded in all and per client.
type table struct {
	max, maxPerClient int
	byKey             map[key]*list.Element
	clients           map[netip.Addr]int
	used              *list.List // of *entry, most recently used first
}

type entry struct {
	m    *mapping
	last time.Time
}

func newTable(max, maxPerClient int) *table {
	return &table{
		max: max, maxPerClient: maxPerClient,
		byKey: make(map[key]*list.Element), clients: make(map[netip.Addr]int), used: list.New(),
	}
}

func (t *table) len() int { return len(t.byKey) }

// use returns the mapping of k, nil where there is none, and notes its use.
func (t *table) use(k key, now time.Time) *mapping {
	el := t.byKey[k]
	if el == nil {
		return nil
	}
	e := el.Value.(*entry)
	e.last = now
	t.used.MoveToFront(el)
	return e.m
}

// full says whether a bound forbids another mapping of client.
func (t *table) full(client netip.Addr) bool {
	return t.len() >= t.max || t.clients[client] >= t.maxPerClient
}

func (t *table) add(m *mapping, now time.Time) {
	t.byKey[m.key] = t.used.PushFront(&entry{m: m, last: now})
	t.clients[m.client]++
}

func (t *table) remove(k key) {
	el := t.byKey[k]
	if el == nil {
		return
	}
	t.used.Remove(el)
	delete(t.byKey, k)
	if t.clients[k.client]--; t.clients[k.client] == 0 {
		delete(t.clients, k.client)
	}
}

// oldest returns the least recently used mapping if its last use was before limit.
func (t *table) oldest(limit time.Time) *mapping {
	el := t.used.Back()
	if el == nil {
		return nil
	}
	if e := el.Value.(*entry); e.last.Before(limit) {
		return e.m
	}
	return nil
}
