package models

import "context"

// guestbook is what an engine does for People; who is who is decided here, once for both engines.
type guestbook interface {
	// find reads the contacts that go by any of the names.
	find(ctx context.Context, names []identity) (map[identity]*Contact, error)
	// enter keeps new contacts, giving them their ids, and names, which may be those of the new contacts.
	enter(ctx context.Context, arrivals []arrival, names []naming) error
	// converse locks the conversations and makes those that are missing and asked for with true; made tells them.
	converse(ctx context.Context, asked map[conversationKey]bool) (found map[conversationKey]Conversation, made map[conversationKey]bool, err error)
}

// identityKind tells the names of a contact apart.
type identityKind int16

const (
	byUserID identityKind = 1
	byWaID   identityKind = 2
)

// identity is one name of a contact.
type identity struct {
	business int64
	kind     identityKind
	value    string
}

// arrival is a contact to be made.
type arrival struct {
	business int64
	contact  *Contact
}

// naming gives a contact a name that nobody has.
type naming struct {
	name    identity
	contact *Contact
}

type conversationKey struct{ number, contact int64 }

// identities are the names a ref gives, the most stable first. The parent id and the username are shared or
// changeable, so they do not identify.
func (r PersonRef) identities() []identity {
	ids := make([]identity, 0, 2)
	if r.UserID != "" {
		ids = append(ids, identity{r.BusinessID, byUserID, r.UserID})
	}
	if r.WaID != "" {
		ids = append(ids, identity{r.BusinessID, byWaID, r.WaID})
	}
	return ids
}

// findPeople answers refs as if each had come alone, one after the other: who is made by one is known to the later
// ones and not to the earlier. So it does not matter how upstream or the queue grouped them.
func findPeople(ctx context.Context, book guestbook, refs []PersonRef) ([]Person, error) {
	people := make([]Person, len(refs))
	names := make([][]identity, len(refs))
	var ask []identity
	asked := map[identity]bool{}
	for i, r := range refs {
		names[i] = r.identities()
		for _, n := range names[i] {
			if !asked[n] {
				asked[n] = true
				ask = append(ask, n)
			}
		}
	}
	if len(ask) == 0 {
		return people, nil
	}
	known, err := book.find(ctx, ask)
	if err != nil {
		return nil, err
	}
	who := make([]*Contact, len(refs))
	var arrivals []arrival
	var namings []naming
	for i, r := range refs {
		for _, n := range names[i] {
			if who[i] = known[n]; who[i] != nil {
				break
			}
		}
		if !r.Create || len(names[i]) == 0 {
			continue
		}
		if who[i] == nil {
			who[i] = &Contact{WaID: r.WaID, UserID: r.UserID, ParentUserID: r.ParentUserID, Username: r.Username, Name: r.Name}
			arrivals = append(arrivals, arrival{r.BusinessID, who[i]})
			people[i].NewContact = true
		}
		for _, n := range names[i] {
			if known[n] == nil { // as when a user id appears beside a known number
				known[n] = who[i]
				namings = append(namings, naming{n, who[i]})
			}
		}
	}
	if len(namings) > 0 {
		if err := book.enter(ctx, arrivals, namings); err != nil {
			return nil, err
		}
	}
	return people, converse(ctx, book, refs, who, people)
}

// converse completes people with their contacts and conversations.
func converse(ctx context.Context, book guestbook, refs []PersonRef, who []*Contact, people []Person) error {
	wanted := map[conversationKey]bool{}
	for i, r := range refs {
		if who[i] != nil {
			key := conversationKey{r.NumberID, who[i].ID}
			wanted[key] = wanted[key] || r.Create
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
		if who[i] == nil {
			continue
		}
		people[i].Contact = *who[i]
		key := conversationKey{r.NumberID, who[i].ID}
		if made[key] {
			if !r.Create {
				continue // made for a later one
			}
			people[i].NewConversation = true
			delete(made, key)
		}
		people[i].Conversation = found[key]
	}
	return nil
}
