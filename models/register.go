package models

import (
	"context"
	"slices"
)

// guest is a contact while refs are answered.
type guest struct {
	contact Contact
	arrived int        // which arrival of this call it is, from 1; 0: it was there before
	names   []identity // all of them if complete, else those that have come up
	// complete says that names are all; weighed that it was judged by them.
	complete, weighed, joined bool
	into                      *guest // it was merged
}

// survivor is the guest, or the one that it was merged into.
func (g *guest) survivor() *guest {
	for g.into != nil {
		g = g.into
	}
	return g
}

// older says whether g was there before h.
func (g *guest) older(h *guest) bool {
	if g.arrived == 0 && h.arrived == 0 {
		return g.contact.ID < h.contact.ID
	}
	return g.arrived < h.arrived
}

// register answers refs one after the other and notes what that changes.
type register struct {
	book    guestbook
	guests  map[int64]*guest // from before
	holders map[identity]*guest
	before  map[identity]*guest // the holders as the book has them
	asked   map[identity]bool
	changed []identity
	entries entries
	arrived []*guest
	evicted []*guest
	merged  []*guest
}

// open looks up all the names of the refs at once.
func (r *register) open(ctx context.Context, refs []PersonRef) (pointers map[int]pointed, err error) {
	var ask []identity
	points := false
	for _, ref := range refs {
		if ref.direct() {
			points = true
			continue
		}
		own, former := ref.names()
		for _, names := range [][]identity{own, former} {
			for _, n := range names {
				if !r.asked[n] {
					r.asked[n] = true
					ask = append(ask, n)
				}
			}
		}
	}
	if len(ask) > 0 {
		known, err := r.book.find(ctx, ask)
		if err != nil {
			return nil, err
		}
		for _, n := range ask {
			if c := known[n]; c != nil {
				r.learn(n, r.guest(c))
			}
		}
	}
	if points {
		pointers, err = r.book.pointed(ctx, refs)
	}
	return pointers, err
}

// guest is the one guest for a contact of the book.
func (r *register) guest(c *Contact) *guest {
	g := r.guests[c.ID]
	if g == nil {
		g = &guest{contact: *c}
		r.guests[c.ID] = g
	}
	return g
}

// learn notes that the book has a name under a guest.
func (r *register) learn(n identity, g *guest) {
	r.before[n], r.holders[n] = g, g
	g.names = append(g.names, n)
}

// complete reads all names of those guests of whom only some are known. All at once, because whoever has to look
// closely at one will have to look at others, as when user ids begin to come.
func (r *register) complete(ctx context.Context, g *guest) error {
	if g.complete {
		return nil
	}
	var ids []int64
	for id, g := range r.guests {
		if !g.complete {
			ids = append(ids, id)
		}
	}
	names, err := r.book.namesOf(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		g := r.guests[id]
		g.complete = true
		for _, n := range names[id] {
			if !r.asked[n] {
				r.learn(n, g)
			}
		}
	}
	return nil
}

// answer finds the guest of a ref, and makes, names and merges if the ref says so.
func (r *register) answer(ctx context.Context, ref PersonRef, p *Person) (g *guest, dead []*guest, err error) {
	own, former := ref.names()
	if len(own)+len(former) == 0 {
		return nil, nil, nil
	}
	same, strangers, err := r.candidates(ctx, own, former)
	if err != nil {
		return nil, nil, err
	}
	writes := ref.Create || ref.Link
	switch {
	case len(same) == 0 && !ref.Create:
		return nil, nil, nil
	case len(same) == 0:
		g = &guest{contact: Contact{WaID: ref.WaID, UserID: ref.UserID, ParentUserID: ref.ParentUserID, Username: ref.Username, Name: ref.Name, ProfileAt: ref.At},
			arrived: len(r.arrived) + 1, complete: true}
		r.arrived = append(r.arrived, g)
		r.entries.arrivals = append(r.entries.arrivals, arrival{ref.BusinessID, &g.contact})
		p.NewContact = true
	case !writes:
		return same[0], nil, nil
	default:
		g = same[0]
		for _, other := range same[1:] {
			if other.older(g) {
				g = other
			}
		}
	}
	p.NewUserID = ref.UserID != "" && r.holders[own[0]] != g
	for _, other := range same {
		if other == g {
			continue
		}
		if err := r.merge(ctx, other, g); err != nil {
			return nil, nil, err
		}
		dead = append(dead, other)
	}
	for _, n := range own {
		if holder := r.holders[n]; holder != nil && holder != g { // only a number: its owner is a new one
			r.evict(n, holder)
		}
		r.give(n, g)
	}
	for _, n := range former {
		if !slices.Contains(strangers, n) {
			r.give(n, g)
		}
	}
	return g, dead, nil
}

// candidates are those who go by the names and are the person, the one by the best name first, and the names that
// belong to somebody else.
func (r *register) candidates(ctx context.Context, own, former []identity) (same []*guest, strangers []identity, err error) {
	all := slices.Concat(own, former)
	for i, n := range all {
		holder := r.holders[n]
		if holder == nil || slices.Contains(same, holder) {
			continue
		}
		if n.kind == byWaID {
			present := own // what the holder's ids are compared with
			if i >= len(own) {
				present = former
			}
			strange, err := r.strange(ctx, holder, present, all)
			if err != nil {
				return nil, nil, err
			}
			if strange {
				strangers = append(strangers, n)
				continue
			}
		}
		same = append(same, holder)
	}
	return same, strangers, nil
}

// strange says whether the holder of a number is another person than the one who has the ids of the present names: it
// has ids of the same kind and none of those in all.
func (r *register) strange(ctx context.Context, holder *guest, present, all []identity) (bool, error) {
	ids := func(n identity) bool { return n.kind != byWaID }
	if !slices.ContainsFunc(present, ids) {
		return false, nil
	}
	for _, n := range all {
		if ids(n) && r.holders[n] == holder {
			return false, nil
		}
	}
	if err := r.complete(ctx, holder); err != nil {
		return false, err
	}
	for _, n := range present {
		if ids(n) && slices.ContainsFunc(holder.names, func(has identity) bool { return has.kind == n.kind }) {
			return true, nil
		}
	}
	holder.weighed = true
	return false, nil
}

// give makes a name one of the guest's.
func (r *register) give(n identity, g *guest) {
	if r.holders[n] == g {
		return
	}
	r.holders[n] = g
	g.names, g.joined = append(g.names, n), true
	r.changed = append(r.changed, n)
}

// evict takes a number from a guest who no longer has it.
func (r *register) evict(n identity, g *guest) {
	g.names = slices.DeleteFunc(g.names, func(has identity) bool { return has == n })
	delete(r.holders, n)
	if canonical(g.contact.WaID) == n.value {
		g.contact.WaID = ""
		r.evicted = append(r.evicted, g)
	}
}

// merge makes one guest a part of another.
func (r *register) merge(ctx context.Context, from, into *guest) error {
	if err := r.complete(ctx, from); err != nil {
		return err
	}
	if err := r.complete(ctx, into); err != nil {
		return err
	}
	names := from.names
	from.names, from.into, from.weighed, into.weighed = nil, into, true, true
	for _, n := range names {
		r.give(n, into)
	}
	r.merged = append(r.merged, from)
	return nil
}

// finish sums up what has changed.
func (r *register) finish() entries {
	e := r.entries
	slices.SortFunc(r.changed, compareIdentities) // in one order, so that two calls do not wait for each other
	for _, n := range slices.Compact(r.changed) {
		from, to := r.before[n], r.holders[n]
		switch {
		case from == nil:
			e.names = append(e.names, naming{n, &to.contact})
		case from != to:
			e.moves = append(e.moves, moving{n, &from.contact, &to.contact})
		}
	}
	for _, g := range r.merged {
		e.merges = append(e.merges, merging{&g.contact, &g.into.contact})
	}
	for _, g := range r.evicted {
		e.evicted = append(e.evicted, &g.contact)
	}
	for _, g := range r.guests {
		switch {
		case g.weighed:
			if e.weighed == nil {
				e.weighed = map[*Contact]int{}
			}
			e.weighed[&g.contact] = len(g.names)
		case g.joined:
			e.joined = append(e.joined, &g.contact)
		}
	}
	return e
}
