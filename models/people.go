package models

import (
	"cmp"
	"context"
)

// guestbook is what an engine does for People; who is who is decided here, once for both engines.
type guestbook interface {
	// find reads the contacts that go by any of the names.
	find(ctx context.Context, names []identity) (map[identity]*Contact, error)
	// namesOf reads every name of the contacts.
	namesOf(ctx context.Context, contacts []int64) (map[int64][]identity, error)
	// pointed reads the contacts that refs with a ContactID or ConversationID point at, by index of the ref.
	pointed(ctx context.Context, refs []PersonRef) (map[int]pointed, error)
	// enter keeps what has become of the guests. errOvertaken when it was decided by what is no longer so.
	enter(ctx context.Context, e entries) error
	// converse locks the conversations and makes those that are missing and asked for with true; made tells them.
	converse(ctx context.Context, asked map[conversationKey]bool) (found map[conversationKey]Conversation, made map[conversationKey]bool, err error)
}

// identityKind tells the names of a contact apart.
type identityKind int16

const (
	byUserID   identityKind = 1
	byWaID     identityKind = 2
	byParentID identityKind = 3
)

// identity is one name of a contact.
type identity struct {
	business int64
	kind     identityKind
	value    string
}

func compareIdentities(a, b identity) int {
	return cmp.Or(cmp.Compare(a.business, b.business), cmp.Compare(a.kind, b.kind), cmp.Compare(a.value, b.value))
}

type conversationKey struct{ number, contact int64 }

// pointed is whom a ref points at: the contact that lives, and the conversation if that is what the ref names.
type pointed struct {
	contact      *Contact
	conversation conversationKey
}

// entries are what a call of People changes about who is who.
type entries struct {
	arrivals []arrival // to be made and given their ids, the oldest first
	names    []naming  // that nobody had
	moves    []moving  // of names that somebody had
	merges   []merging // in their order; the names are among the moves
	evicted  []*Contact
	// joined are contacts from before that got a name and have to be there still.
	joined []*Contact
	// weighed are contacts from before that were judged by all of their names, and how many these are after this.
	weighed map[*Contact]int
}

// arrival is a contact to be made.
type arrival struct {
	business int64
	contact  *Contact
}

// naming gives a contact a name.
type naming struct {
	name    identity
	contact *Contact
}

// moving takes a name from one contact to another.
type moving struct {
	name     identity
	from, to *Contact
}

// merging makes one contact a part of another.
type merging struct{ from, into *Contact }

// names are the names a ref gives, those that it has now and those that it no longer has, the most stable first.
// Usernames are changeable and do not identify.
func (r PersonRef) names() (own, former []identity) {
	add := func(to *[]identity, kind identityKind, value string) {
		if value != "" {
			*to = append(*to, identity{r.BusinessID, kind, value})
		}
	}
	own = make([]identity, 0, 3)
	add(&own, byUserID, r.UserID)
	add(&own, byParentID, r.ParentUserID)
	add(&own, byWaID, canonical(r.WaID))
	f := r.Formerly
	add(&former, byUserID, f.UserID)
	add(&former, byParentID, f.ParentUserID)
	add(&former, byWaID, canonical(f.WaID))
	return own, former
}

// findPeople answers refs as if each had come alone, one after the other: who is made by one is known to the later
// ones and not to the earlier. So it does not matter how upstream or the queue grouped them.
func findPeople(ctx context.Context, book guestbook, refs []PersonRef) ([]Person, error) {
	r := &register{book: book, guests: map[int64]*guest{}, holders: map[identity]*guest{}, before: map[identity]*guest{}, asked: map[identity]bool{}}
	people := make([]Person, len(refs))
	pointers, err := r.open(ctx, refs)
	if err != nil {
		return nil, err
	}
	who, dead := make([]*guest, len(refs)), make([][]*guest, len(refs))
	for i, ref := range refs {
		if ref.direct() {
			if p, ok := pointers[i]; ok {
				who[i] = r.guest(p.contact).survivor()
			}
		} else if who[i], dead[i], err = r.answer(ctx, ref, &people[i]); err != nil {
			return nil, err
		}
		if who[i] != nil {
			people[i].Contact = who[i].contact
		}
	}
	if e := r.finish(); len(e.names)+len(e.moves) > 0 {
		if err := book.enter(ctx, e); err != nil {
			return nil, err
		}
	}
	for i, g := range who {
		if g != nil {
			people[i].Contact.ID = g.contact.ID // new ones have one now
		}
		for _, d := range dead[i] {
			people[i].Merged = append(people[i].Merged, d.contact.ID)
		}
	}
	return people, converse(ctx, book, refs, who, pointers, people)
}

// direct says whether the ref points at somebody instead of naming them.
func (r PersonRef) direct() bool { return r.ContactID != 0 || r.ConversationID != 0 }

// converse completes people with their conversations. Somebody who was merged by a later ref has those of the survivor.
func converse(ctx context.Context, book guestbook, refs []PersonRef, who []*guest, pointers map[int]pointed, people []Person) error {
	wanted := map[conversationKey]bool{}
	keys := make([]conversationKey, len(refs))
	for i, r := range refs {
		if who[i] == nil {
			continue
		}
		keys[i] = conversationKey{r.NumberID, who[i].survivor().contact.ID}
		if r.ConversationID != 0 {
			if p := pointers[i]; p.conversation.contact != p.contact.ID {
				keys[i] = p.conversation // it stayed behind with one who was merged
			} else {
				keys[i].number = p.conversation.number
			}
		}
		if keys[i].number != 0 {
			wanted[keys[i]] = wanted[keys[i]] || r.Create
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	found, made, err := book.converse(ctx, wanted)
	if err != nil {
		return err
	}
	for i, r := range refs {
		if made[keys[i]] {
			if !r.Create {
				continue // made for a later one
			}
			people[i].NewConversation = true
			delete(made, keys[i])
		}
		people[i].Conversation = found[keys[i]]
	}
	return nil
}
