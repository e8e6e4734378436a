package osroute

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/obs"
)

// This file undoes what a client has left that was killed. What that is says the journal, and
// without one (the state directory was deleted) the place that a device's name has and protocol
// 117.

// Adopt is called once, before the device of cfg is made. It reads the journal at path ("" = none
// is kept), notes how the device is where it is there already, and writes both down before
// anything is changed. What a client before this one captured stays captured: the first Apply
// takes it over, and undoes what this one does not want; Undo removes all of it.
func (r *Router) Adopt(cfg Config, path string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	cfg = withDefaults(cfg)
	link, err := findDevice(cfg.Device)
	if err != nil {
		return err
	}
	if link != nil && held(link) {
		return nil // another client's: opening it fails, and says so
	}
	here, err := hereJournal()
	if err != nil {
		return err
	}
	old, err := readJournal(path)
	if err != nil {
		r.log.Warn("the journal of changes to this host cannot be read: what a killed client left is recognised by its marks", zap.Error(err))
	}
	places, err := placesHere()
	if err != nil {
		return err
	}
	own := claimOf(cfg)
	stay := func(c claim) { // where the client before had its rules: in front of another's, perhaps
		if c.Table == own.Table && c.Priority != own.Priority {
			r.former = append(r.former, own.Priority)
			own.Priority = c.Priority
		}
	}
	for _, c := range places {
		stay(c)
		r.inherited = r.inherited || c.Table == own.Table
	}
	if old.about(here) {
		for _, c := range old.Claims {
			if stay(c); c.Table != own.Table && !isHeld(c.Device) {
				r.left = append(r.left, c)
				r.inherited = r.inherited || slices.ContainsFunc(places, c.same)
			}
		}
		r.found = r.adoptDevice(old.Device, cfg.Device)
	}
	if r.found == nil && link != nil {
		if r.found, err = noteDevice(link); err != nil {
			return err
		}
	}
	r.own, r.here, r.path, r.claimed = own, here, path, true
	if err := r.writeDown(); err != nil {
		r.log.Warn("cannot keep a journal of changes to this host: after a crash they are recognised by their marks", zap.Error(err),
			zap.String(obs.FieldHint, "make the state directory writable"))
	}
	return nil
}

// adoptDevice returns how the device was before the client that wrote the journal, and puts
// another one back.
func (r *Router) adoptDevice(old *deviceState, device string) *deviceState {
	if old == nil {
		return nil
	}
	if old.Name == device {
		if l, err := findDevice(device); err == nil && l != nil && l.Attrs().Index == old.Index {
			return old
		}
		return nil
	}
	if _, err := old.putBack(false); err != nil {
		r.log.Warn("cannot put back the device of the client before", zap.Error(err), obs.Hint(err))
	}
	return nil
}

// writeDown writes the journal as things are now.
func (r *Router) writeDown() error {
	if r.path == "" {
		return nil
	}
	j := r.here
	j.Claims, j.Device = slices.Concat(r.left, r.places()), r.found
	if len(j.Claims) > maxClaims {
		j.Claims = j.Claims[len(j.Claims)-maxClaims:]
	}
	return writeJournal(r.path, j)
}

// undoLeft undoes what clients before this one have claimed, once this one has captured.
func (r *Router) undoLeft() {
	if len(r.left) == 0 {
		return
	}
	left := r.left
	r.left = nil
	for _, c := range left {
		if _, err := c.undo(); err != nil {
			r.log.Warn("cannot undo what the client before has left", zap.Error(err), obs.Hint(err))
			r.left = append(r.left, c)
		}
	}
	if err := r.writeDown(); err != nil {
		r.log.Warn("cannot keep the journal of changes to this host", zap.Error(err))
	}
}

// undo removes the rules and routes of a claim and says which.
func (c claim) undo() (Repaired, error) {
	stack := families{v4: true, v6: hasIPv6()}
	var out Repaired
	rules, err := readRules(c, stack)
	errs := []error{err}
	for _, x := range rules {
		err := dropRule(x)
		if errs = append(errs, err); err == nil {
			out.Rules = append(out.Rules, x.text())
		}
	}
	routes, err := readRoutes(c, stack)
	errs = append(errs, err)
	for _, x := range routes {
		err := dropRoute(x)
		if errs = append(errs, err); err == nil {
			out.Routes = append(out.Routes, x.text())
		}
	}
	return out, errors.Join(errs...)
}

// Repair undoes what a client has left that was killed: what the journal at path names, what is
// marked as ours in the place of device, and with all that of every device that no process holds.
// It refuses while a process holds one of them. The caller makes sure that no client uses the
// journal. What it did before a failure is returned beside it.
func Repair(path, device string, all bool) (Repaired, error) {
	here, err := hereJournal()
	if err != nil {
		return Repaired{}, err
	}
	out := Repaired{Rules: []string{}, Routes: []string{}}
	old, err := readJournal(path)
	switch {
	case err != nil:
		out.Notes = append(out.Notes, err.Error()+"; what was left is recognised by its marks")
		old = journal{}
	case !old.about(here):
		if len(old.Claims) > 0 {
			out.Notes = append(out.Notes, "the journal is about another boot or network namespace: nothing of it is here")
		}
		old = journal{}
	}
	claims := old.Claims
	places, err := placesHere()
	if err != nil {
		return out, err
	}
	own := claimOf(withDefaults(Config{Device: device}))
	for _, c := range append(places, own) {
		if c.Table == own.Table && !slices.ContainsFunc(claims, c.same) {
			claims = append(claims, claim{device, c.Table, c.Priority})
		}
	}
	for _, c := range claims {
		if isHeld(c.Device) {
			return out, failure("repair "+c.Device, errors.New("a running process holds the device"),
				"stop the client first (it undoes everything itself); without one running, repeat this")
		}
	}
	if all {
		others, err := orphans(claims)
		if err != nil {
			return out, err
		}
		claims = append(claims, others...)
	}
	errs := []error{undoAll(claims, old.Device, &out)}
	if errs[0] == nil {
		errs = append(errs, removeJournal(path))
	}
	others, err := orphans(claims)
	errs = append(errs, err)
	for _, c := range others {
		out.Left = append(out.Left, fmt.Sprintf("priorities %d to %d, tables %d, %d and %d", c.Priority, c.Priority+priorities-1, c.Table, c.Table+1, stopTable(c.Table)))
	}
	return out, errors.Join(errs...)
}

// undoAll undoes claims and what was changed on a device that was there before.
func undoAll(claims []claim, device *deviceState, out *Repaired) error {
	var errs []error
	for _, c := range claims {
		one, err := c.undo()
		errs = append(errs, err)
		out.Rules, out.Routes = append(out.Rules, one.Rules...), append(out.Routes, one.Routes...)
	}
	if device != nil {
		done, err := device.putBack(false)
		if errs = append(errs, err); done {
			out.Device = device.Name
		}
	}
	return errors.Join(errs...)
}

// orphans returns the claims beside known whose rules or routes are there and whose device no
// process holds.
func orphans(known []claim) ([]claim, error) {
	stack := families{v4: true, v6: hasIPv6()}
	busy := make(map[int]bool)
	links, err := list(netlink.LinkList)
	if err != nil {
		return nil, fail("list interfaces", err)
	}
	for _, l := range links {
		if held(l) {
			busy[slot(l.Attrs().Name)] = true
		}
	}
	var out []claim
	note := func(number, base, each int) {
		n, ok := slotOf(number, base, each)
		c := slotClaim("", n)
		table := func(k claim) bool { return k.Table == c.Table }
		if ok && !busy[n] && !slices.ContainsFunc(known, table) && !slices.ContainsFunc(out, table) {
			out = append(out, c)
		}
	}
	rules, err := ownRules(stack, func(int) bool { return true })
	if err != nil {
		return nil, err
	}
	places := placesOf(rules)
	for _, c := range places {
		if n, ok := slotOf(c.Table, baseTable, 2); ok && !busy[n] && !slices.ContainsFunc(known, c.same) {
			out = append(out, c)
		}
	}
	for _, x := range rules {
		if !slices.ContainsFunc(slices.Concat(places, known), func(c claim) bool { return c.holds(x.priority) }) {
			note(x.priority, basePriority, priorities)
		}
	}
	routes, err := ownRoutes(stack, unix.RT_TABLE_UNSPEC)
	if err != nil {
		return nil, err
	}
	for _, x := range routes {
		table := x.table
		if table >= stopTable(baseTable) {
			table -= stopTable(0)
		}
		note(table, baseTable, 2)
	}
	return out, nil
}

// placesHere returns the places of all rules that are ours.
func placesHere() ([]claim, error) {
	rules, err := ownRules(families{v4: true, v6: hasIPv6()}, func(int) bool { return true })
	return placesOf(rules), err
}

func isHeld(device string) bool {
	l, err := findDevice(device)
	return device != "" && err == nil && l != nil && held(l)
}

// hereJournal returns an empty journal of this boot and network namespace.
func hereJournal() (journal, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return journal{}, fail("read boot id", err)
	}
	namespace, err := os.Readlink(filepath.Join("/proc/thread-self", "ns", "net"))
	if err != nil {
		return journal{}, fail("read network namespace", err)
	}
	return journal{Format: journalFormat, Boot: strings.TrimSpace(string(boot)), Namespace: namespace}, nil
}

// about says whether j is about the boot and network namespace of here.
func (j *journal) about(here journal) bool {
	return j.Boot == here.Boot && j.Namespace == here.Namespace
}
